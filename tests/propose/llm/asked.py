"""Asking a BadServer for rewards: a config that points at it, asks, and rewards that follow from what is asked."""

from __future__ import annotations

import re
from typing import Any

from bad_server import BadServer
from chat_server import Body, ChatServer, reward_code

from rewardsearch.config import Config, parse_config
from rewardsearch.propose import ProposalRequest, load_proposer, propose
from rewardsearch.propose.llm.reply import Reply
from rewardsearch.records import Proposal, Request
from rewardsearch.run.ledger import Ledger

KEY = "sk-test/0123+456789abcdef"
KEY_NAME = "REWARDSEARCH_TEST_KEY"
PRICE = {"input": 1.0, "output": 10.0}
_PLACE = re.compile(r"number\s+(\d+)\.")


def place_of(body: Body) -> int:
    """Which place of the first round a request is for."""
    found = _PLACE.search(body["messages"][-1]["content"])
    assert found is not None
    return int(found.group(1))


def answer(body: Body) -> str:
    """The reward of a place, whatever came before."""
    return reply_with(float(place_of(body)))


def reply_with(value: float) -> str:
    return f"Name: Gold number\nHypothesis: It pays what counts.\n\n```python\n{reward_code(value)}```\n"


def config(url: str, budget: dict[str, Any] | None = None, **openai: Any) -> Config:
    """A search that asks the model `served` at `url`; settings of propose.llm as given."""
    settings = {"model": "served", "base_url": url, "api_key_env": KEY_NAME, "timeout_s": 5.0, **openai}
    return parse_config({"budget": budget or {}, "propose": {"proposer": "llm", "llm": settings}}, "test")


def fresh(count: int, *models: str) -> tuple[Request, ...]:
    """The asks of a first round, of `models` in turn."""
    names = models or ("served",)
    return tuple(Request(index=n, operator="fresh", model=names[(n - 1) % len(names)]) for n in range(1, count + 1))


def asked(request: ProposalRequest, server: BadServer | ChatServer, ledger: Ledger, **openai: Any) -> Proposal:
    """What `request` gives, where the server is asked with these settings of propose.llm."""
    planned = request if request.plan else request.model_copy(update={"plan": fresh(request.count)})
    return propose(planned, load_proposer(config(openai.pop("base_url", server.url), **openai)), ledger)


def codes(*values: float) -> list[str]:
    return [reward_code(value) for value in values]


def kept(request: ProposalRequest) -> dict[str, Reply]:
    """The replies in a request's folder, by the names of their files."""
    return {
        path.name: Reply.model_validate_json(path.read_text(encoding="utf-8"))
        for path in sorted(request.folder.glob("response-*.json"))
    }


def bill(server: BadServer) -> tuple[int, int, int]:
    """What the server has billed: requests, prompt tokens, completion tokens."""
    return (
        len(server.billed),
        sum(each.prompt_tokens for each in server.billed),
        sum(each.completion_tokens for each in server.billed),
    )


def booked(ledger: Ledger) -> tuple[int, int, int]:
    usage = ledger.account.usage
    return usage.requests, usage.prompt_tokens, usage.completion_tokens
