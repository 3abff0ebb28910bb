"""Proposes rewards by asking a language model behind an OpenAI-compatible Chat Completions server.

One request asks for one candidate, each for a different move, a few in flight at a time. A reply is written to
response-K.json before it is read, so that a request whose reply was paid for is never asked again after a crash. The key
is held in memory alone; should a server echo it, it is cut out of what is written.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rewardsearch.config import OpenAIConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.propose.base import Draft, ProposalRequest, admit, write_prompt
from rewardsearch.propose.briefing import Ask, asks_of, system_prompt
from rewardsearch.propose.parse import NoCode, parse_reply
from rewardsearch.propose.reply import Reply, load_reply, read_reply
from rewardsearch.records import Proposal, Refusal, Usage

if TYPE_CHECKING:
    from openai import APIStatusError

IN_FLIGHT = 4
NO_KEY = "no-key"
"""What the SDK, which insists on a key, is given for a server on this machine."""
SECRET_CHARS = 16
"""A shorter key (EMPTY, none, x) is no secret, and cutting it out of a reply would spoil the code in it."""
OFFICIAL_URL = "https://api.openai.com/v1"
# Codes of a refused request that name a mistake in the config, not one in this prompt.
_CONFIG_CODES = frozenset(("model_not_found", "unsupported_parameter", "unsupported_value", "unknown_parameter"))


class _Unanswered(Exception):
    """A request that the server did not answer, after the SDK's retries; the message says why."""


class OpenAIProposer:
    """Asks `config.model` for `request.count` rewards, or for a repair of each rejected one."""

    def __init__(self, config: OpenAIConfig) -> None:
        self._config = config

    def check(self, task: str) -> None:
        """Raises UserError for a base_url that is no address and for a missing or unfit key. Asks the server nothing."""
        self._key()

    def propose(self, request: ProposalRequest) -> Proposal:
        """Raises UserError for a missing or refused key, an unknown model, a parameter that the model does not take, and
        an exhausted quota, MachineError when no request at all was answered. Any other failed request is a Refusal."""
        system, asks = system_prompt(), asks_of(request)
        write_prompt(
            request,
            f"# Round {request.round}: {len(asks)} requests to {self._config.model}\n\n## System\n\n{system}",
            *(f"## Request {place}\n\n{ask.text}" for place, ask in enumerate(asks, start=1)),
        )
        answers = self._ask_all(request, system, asks)
        unanswered = [answer for answer in answers if isinstance(answer, str)]
        if len(unanswered) == len(answers) > 0:
            raise MachineError(f"no request was answered: {unanswered[0]}; the same command asks again")
        drafts: list[Draft] = []
        spare: list[Draft] = []
        refusals: list[Refusal] = []
        for place, (ask, answer) in enumerate(zip(asks, answers, strict=True), start=1):
            read = _drafts(answer, ask, place, self._config)
            if isinstance(read, Refusal):
                refusals.append(read)
            else:
                drafts.append(read[0])
                spare.extend(read[1:])
        # A reply with several rewards makes up for one with none, and for no more than that.
        drafts.extend(spare[: len(asks) - len(drafts)])
        usage = sum((answer.usage for answer in answers if isinstance(answer, Reply)), Usage())
        return admit(request, drafts, refusals, usage)

    # --- asking -------------------------------------------------------------------------------------------------------

    def _ask_all(self, request: ProposalRequest, system: str, asks: Sequence[Ask]) -> list[Reply | str]:
        """What came of each ask, in their order: a reply, or why there is none."""
        key = self._key()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            futures = [
                pool.submit(self._ask, request, system, ask, place, key) for place, ask in enumerate(asks, start=1)
            ]
            try:
                return [future.result() for future in futures]
            finally:
                # What is in flight is paid for and is waited for; what is not asked yet is not asked.
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: ProposalRequest, system: str, ask: Ask, place: int, key: str) -> Reply | str:
        body = self._body(system, ask.text)
        mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()
        path = request.folder / f"response-{place}.json"
        known = load_reply(path, mark)
        if known is not None:
            return known
        try:
            text = self._post(body, key)
        except _Unanswered as unanswered:
            return str(unanswered)
        if len(key) >= SECRET_CHARS:
            text = text.replace(key, "[key]")
        reply = read_reply(mark, text, prompt_chars=len(system) + len(ask.text))
        write_atomic(path, reply.model_dump_json(indent=1) + "\n")
        return reply

    def _body(self, system: str, user: str) -> dict[str, Any]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        body: dict[str, Any] = {
            "model": self._config.model,
            "messages": messages,
            "max_completion_tokens": self._config.max_tokens,
        }
        if self._config.temperature is not None:
            body["temperature"] = self._config.temperature
        return body

    def _post(self, body: dict[str, Any], key: str) -> str:
        """The text of the server's reply. Raises UserError or _Unanswered."""
        # Importing the SDK takes half a second, which every other command can do without.
        import openai

        client = openai.OpenAI(
            api_key=key,
            base_url=self._url(),
            timeout=self._config.timeout_s,
            max_retries=self._config.max_retries,
        )
        try:
            with client:
                return str(client.chat.completions.with_raw_response.create(**body).text)
        except openai.APITimeoutError:
            raise _Unanswered(f"no answer from {self._url()} within {self._config.timeout_s:g} s") from None
        except openai.APIConnectionError:
            raise _Unanswered(f"no connection to {self._url()}") from None
        except openai.APIStatusError as error:
            mistake = self._mistake(error)
            if mistake is not None:
                raise mistake from None
            code = f" ({error.code})" if error.code else ""
            raise _Unanswered(f"the server answered with status {error.status_code}{code}") from None

    def _mistake(self, error: APIStatusError) -> UserError | None:
        """The user's mistake that a status tells of; None when it tells of none."""
        config = self._config
        if error.status_code in (401, 403):
            return UserError(
                f"propose.openai: {self._url()} refused the key in {config.api_key_env} (status {error.status_code}); "
                "set it to a valid key with access to the model"
            )
        if error.status_code == 404:
            return UserError(
                f"propose.openai: {self._url()} has no model {config.model} or is no Chat Completions server (status 404); "
                "set propose.openai.model to one that it serves, and propose.openai.base_url to end as its documentation says"
            )
        if error.code == "insufficient_quota":
            return UserError(
                f"propose.openai: the account of {config.api_key_env} has no quota left at {self._url()}; add credit, "
                "then start the same command again"
            )
        if error.status_code == 400 and error.code in _CONFIG_CODES:
            return UserError(
                f"propose.openai: {config.model} at {self._url()} refused the request ({error.code}: {error.param}); "
                "change propose.openai.model, temperature or max_tokens"
            )
        return None

    def _url(self) -> str:
        # Given in full, since the SDK would otherwise take it from the environment and the config would not be the whole truth.
        return OFFICIAL_URL if self._config.base_url is None else self._config.base_url

    def _key(self) -> str:
        """The key to send. Raises UserError when there is none that the server could take, or no server to send it to."""
        host = _host(self._url())
        name = self._config.api_key_env
        key = os.environ.get(name, "").strip()
        if not key and _is_loopback(host):
            return NO_KEY
        if not key:
            raise UserError(
                f"propose.openai: the environment variable {name} has no key for {self._url()}; set it, name another variable "
                "with propose.openai.api_key_env, or search without a key with propose.proposer=grammar"
            )
        # A header takes nothing else, and the errors of HTTP libraries quote the header that they refuse.
        if not (key.isascii() and key.isprintable()):
            raise UserError(
                f"propose.openai: the environment variable {name} holds no key: it has characters other than printable ASCII; "
                "copy the key again"
            )
        return key


def _host(url: str) -> str:
    """The host of a server's address. Raises UserError for what is no such address."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:
        pass
    raise UserError(
        f"propose.openai.base_url: got {url!r}, an address such as http://127.0.0.1:8000/v1 or {OFFICIAL_URL} is needed"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _drafts(answer: Reply | str, ask: Ask, place: int, config: OpenAIConfig) -> list[Draft] | Refusal:
    """The rewards of one answer, or why there are none."""
    if isinstance(answer, str):
        return Refusal(name=f"request_{place}", reason=answer)
    try:
        found = parse_reply(answer.content)
    except NoCode as error:
        cut = f"; it reached max_tokens ({config.max_tokens})" if answer.finish_reason == "length" else ""
        return Refusal(name=f"reply_{place}", reason=f"{error}{cut}")
    return [
        Draft(
            name=each.name or f"reward_{place}",
            code=each.code,
            rationale=each.rationale,
            operator=ask.operator,
            parents=ask.parents,
        )
        for each in found
    ]
