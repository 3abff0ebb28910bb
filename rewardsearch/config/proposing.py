"""The proposer's section of a search's config: who writes the candidates, with which moves, at what price."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from rewardsearch.config.effects import Affects
from rewardsearch.config.sections import Count, Section

Positive = Annotated[float, Field(gt=0)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Structured = Literal["auto", "off"]
Dollars = Annotated[float, Field(ge=0)]


class Price(Section):
    """Dollars per million tokens. Reasoning tokens are completion tokens."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    """Of prompt tokens that the server had in its cache; None counts them like the others."""


_OWN_FIELDS = frozenset(
    ("model", "messages", "n", "stream", "max_tokens", "max_completion_tokens", "temperature", "response_format")
)


def _beside_ours(extra: dict[str, Any]) -> dict[str, Any]:
    """A field that we write, or that multiplies replies, would make the books wrong."""
    if taken := sorted(_OWN_FIELDS.intersection(extra)):
        raise ValueError(
            f"got {', '.join(taken)}, which requests have or cannot have; set model, max_tokens, temperature and structured "
            "by their own names, and leave n and stream out"
        )
    try:
        json.dumps(extra, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a request is JSON, which cannot hold this ({error}); write numbers, texts, lists and maps"
        ) from None
    return extra


Extra = Annotated[dict[str, Any], AfterValidator(_beside_ours)]


class ModelConfig(Section):
    """One of several models. What is None is taken from propose.llm."""

    model: Annotated[str, Field(min_length=1)]
    weight: Positive = 1.0
    """Its share of the requests against the other models' before anything has paid off."""
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: Temperature | None = None
    max_tokens: Count | None = None
    timeout_s: Positive | None = None
    structured: Structured | None = None
    extra: Extra | None = None


class LLMConfig(Section):
    """OpenAI-compatible Chat Completions servers. Keys are read from the environment variables that `api_key_env` names."""

    model: Annotated[str, Field(min_length=1)] = "gpt-5"
    models: tuple[ModelConfig, ...] = ()
    """Several models, on this server or others, by weight; empty asks `model` alone."""
    base_url: str | None = None
    """None is OpenAI's own."""
    api_key_env: str = "OPENAI_API_KEY"
    temperature: Temperature | None = None
    max_tokens: Count = 8000
    """The longest reply, thinking included."""
    timeout_s: Positive = 300.0
    structured: Structured = "auto"
    """auto: asks for a JSON object by schema, and for fenced code where the server refuses that. off: fenced code."""
    extra: Extra = {}
    """Further fields of every request, such as {reasoning_effort: high}."""
    in_flight: Count = 4
    """Requests at a time, of all models together."""
    max_retries: Annotated[int, Field(ge=0)] = 8
    """How often a request is sent again that got no reply: rate limits, errors of the server, lost connections."""
    replies: Count = 5
    """How many replies a request may take until one holds a reward; each is paid for."""
    prices: dict[str, Price] = {}
    """By model. Without a price, tokens are counted and money is not."""

    @model_validator(mode="after")
    def _each_model_once(self) -> LLMConfig:
        names = [each.model for each in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"models: got {', '.join(twice)} more than once; name each model once, with a weight")
        return self

    @model_validator(mode="after")
    def _keys_stay_with_their_hosts(self) -> LLMConfig:
        for each in self.models:
            if (
                each.base_url
                and each.api_key_env is None
                and _host(each.base_url) not in (_host(self.base_url), *LOOPBACK)
            ):
                raise ValueError(
                    f"models: {each.model} has a base_url of its own and no api_key_env, so the key in {self.api_key_env} would "
                    "go to another host; name the variable with that host's key"
                )
        return self

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that hold keys, which no other process is to see."""
        return (self.api_key_env, *(each.api_key_env for each in self.served()))

    def served(self) -> tuple[Served, ...]:
        """The models to ask, each with everything that a request to it needs."""
        shared = {name: value for name, value in self if name in Served.model_fields}
        asked = self.models or (ModelConfig(model=self.model),)
        own = [{name: value for name, value in each if value not in (None, "")} for each in asked]
        return tuple(Served(**{**shared, **each, "price": self.prices.get(each["model"])}) for each in own)


LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _host(url: str | None) -> str | None:
    """The host of an address, OpenAI's for None; None for what is no address, which is reported where it is used."""
    try:
        return urlsplit(url).hostname if url else "api.openai.com"
    except ValueError:
        return None


class Served(Section):
    """A model as it is asked: a ModelConfig with nothing left open. See LLMConfig for the fields."""

    model: str
    weight: float
    base_url: str | None
    api_key_env: str
    temperature: float | None
    max_tokens: int
    timeout_s: float
    structured: Structured
    extra: dict[str, Any]
    price: Price | None


Share = Annotated[float, Field(ge=0)]


class MixConfig(Section):
    """The operators' shares of a later round's requests before anything has paid off. The first round is all fresh."""

    fresh: Share = 1.0
    mutate: Share = 2.0
    crossover: Share = 1.0
    simplify: Share = 1.0
    """Drawn only after `simplify_after` rounds without gain."""

    @model_validator(mode="after")
    def _something(self) -> MixConfig:
        # The others can be impossible in a round: no parents, one parent, or no rounds without gain.
        if self.fresh == self.mutate == 0:
            raise ValueError(
                "mix: fresh and mutate are both 0, and a round may allow no other; give one of them a share"
            )
        return self


class ProposeConfig(Section):
    affects = Affects("search")
    proposer: Annotated[str, Field(min_length=1)] = "grammar"
    """grammar, llm, folder, manual, replay, the name of an entry point, `package.module:Class`, or `file.py:Class`."""
    options: dict[str, Any] = {}
    """Settings of a proposer from outside the package; the built-in ones have none here."""
    repairs: Annotated[int, Field(ge=0)] = 1
    """How often rejected code goes back to the proposer with the reasons, a round."""
    feedback: bool = True
    """False is random search, which shows what the feedback is worth: no proposal sees a result, a parent or why a reward was
    rejected. Every request is `fresh`, and what was rejected is replaced instead of repaired, as often as `repairs` says. The
    prompts of `manual` are of this kind too. It changes nothing for proposers that use no feedback: `folder` and `replay`."""
    mix: MixConfig = MixConfig()
    adapt: bool = True
    """Shift the mix of operators and models towards what has improved most for its cost (`llm`, `manual`)."""
    simplify_after: Count = 1
    prompt_tokens: Annotated[int, Field(ge=4000), Affects()] = 16_000
    """The longest prompt (`llm`, `manual`), in tokens of about three bytes; evidence is cut to fit."""
    prompts: str | None = None
    """A folder with templates of your own, which take the place of those of the same name in prompts/."""
    folder: str | None = None
    """Where `folder` takes its files from; None takes candidates/<task>/."""
    replay: str | None = None
    """The folder of the run whose proposals `replay` repeats, or of a recording (candidates/recorded/)."""
    llm: Annotated[LLMConfig, Affects()] = LLMConfig()
