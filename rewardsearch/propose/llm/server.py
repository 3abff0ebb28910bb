"""One request to an OpenAI-compatible Chat Completions server, and what came of it, as data.

Covers: errors sorted by whether asking again can help and by whether the server may have billed them, a deadline on the
whole reply, keys cut out of whatever the server sends. Retries, budgets and files are asking.py's.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from rewardsearch.config import Served
from rewardsearch.errors import UserError
from rewardsearch.propose.llm.keys import OFFICIAL_URL, SECRET_CHARS, SECRET_CHARS_IN_MESSAGES, echo_of, key_of
from rewardsearch.propose.llm.reply import is_whole

if TYPE_CHECKING:
    import openai

MAX_REPLY_BYTES = 16_000_000
MESSAGE_CHARS = 200
"""Of a server's error message that are told."""
MAX_WAIT_S = 600.0
REACH_S = 10.0
_RETRIED = frozenset((409, 425, 429))
_UNKNOWN_END = frozenset((408, 504, *range(520, 525)))
"""What a gateway says that has waited long enough: the model behind it may have answered."""
_PASSING = re.compile(r"rate.?limit|overload|capacity|server.?error|time.?out|unavailable|try again", re.IGNORECASE)


@dataclass(frozen=True)
class Received:
    """A whole JSON document, for which the server has billed."""

    text: str


@dataclass(frozen=True)
class Refused:
    """An error status: not billed. `again` says whether the same request may succeed later, in `wait_s` seconds if the
    server says so; `names` is what the error says of the request's fields."""

    reason: str
    again: bool
    wait_s: float | None = None
    names: str = ""


@dataclass(frozen=True)
class Lost:
    """No whole reply came: the server may have billed. `text` is what came of it."""

    reason: str
    text: str = ""


Outcome = Received | Refused | Lost


def url_of(served: Served) -> str:
    return OFFICIAL_URL if served.base_url is None else served.base_url


def server_name(served: Served) -> str:
    """What a model at its server goes by in the journal."""
    return f"{served.model} at {url_of(served)}"


class Server:
    """The server of one model. Its methods may be called from several threads."""

    def __init__(self, served: Served) -> None:
        """Raises UserError for an address that is none, and for a missing or unfit key."""
        self.served = served
        self.url = url_of(served)
        self.name = server_name(served)
        self._key = key_of(self.url, served.api_key_env)
        self._echo = echo_of(self._key)
        self._client: openai.OpenAI | None = None

    def open(self) -> None:
        """Makes the client, before threads share it. Importing the SDK takes half a second, which commands that ask nothing
        do without."""
        import openai

        # Address and account are given in full, since the SDK would otherwise take them from the environment.
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=self.url,
            organization="",
            project="",
            max_retries=0,
            timeout=self.served.timeout_s,
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def reach(self) -> str:
        """Whether there is a server at all, by asking for the list of its models, which is free. Gives a warning, or nothing.

        Raises UserError when nothing listens at the address. What a server answers says little: many have no such list.
        """
        import openai

        assert self._client is not None
        try:
            self._client.with_options(timeout=REACH_S).models.with_raw_response.list()
        except openai.APIStatusError as error:
            if error.status_code == 401:
                return f"{self.url} answered with status 401: the key in {self.served.api_key_env} may be wrong"
        except Exception as error:
            if isinstance(self._broken(error, ""), Refused):
                raise UserError(
                    f"propose.openai: no connection to {self.url}; start the server there, or set base_url to another"
                ) from None
        return ""

    def post(self, body: Mapping[str, Any], idempotency_key: str) -> Outcome:
        """Sends `body` once. A server that knows the key answers a repetition with what it answered before, unbilled.

        Raises UserError for what no repetition can mend: the key, the quota, the model, the address.
        """
        import openai

        assert self._client is not None
        deadline = time.monotonic() + self.served.timeout_s
        data = bytearray()
        try:
            with self._client.chat.completions.with_streaming_response.create(
                model=body["model"],
                messages=body["messages"],
                # The SDK knows no fields of other makers than OpenAI by name.
                extra_body={name: value for name, value in body.items() if name not in ("model", "messages")},
                extra_headers={"Idempotency-Key": idempotency_key, "X-Client-Request-Id": idempotency_key},
            ) as response:
                for chunk in response.iter_bytes():
                    data += chunk
                    if time.monotonic() > deadline:
                        return Lost(self._slow, self._text(data))
                    if len(data) > MAX_REPLY_BYTES:
                        return Lost(f"an answer of more than {MAX_REPLY_BYTES} bytes from {self.url}", self._text(data))
        except openai.APIStatusError as error:
            return self._refused(error)
        except Exception as error:
            outcome = self._broken(error, self._text(data))
            if outcome is None:
                raise
            return outcome
        return self._answered(self._text(data))

    def _answered(self, text: str) -> Outcome:
        """What an answer of status 200 means. Some gateways pass an error of the model's server on in one, and what is no such
        server at all answers so too."""
        no_server = f"{self.url} is no Chat Completions server; set base_url to end as its documentation says"
        if not is_whole(text):
            if text.lstrip().startswith("<"):
                return Refused(f"{no_server} (it answered with a page)", again=False)
            return Lost(f"the answer of {self.url} is no whole JSON", text)
        body = json.loads(text)
        if not isinstance(body, dict) or body.keys().isdisjoint(("choices", "usage", "error")):
            return Refused(f"{no_server} (its answer has no choices)", again=False)
        error = None if body.get("choices") else body.get("error")
        if not error:
            return Received(text)
        code = error.get("code") if isinstance(error, dict) else None
        said = self._words(error)
        passing = code in _RETRIED or code >= 500 if isinstance(code, int) else bool(_PASSING.search(f"{code} {said}"))
        names = said if code in (None, 400, 422) else ""
        return Refused(f"{self.url} answered with an error{_told(said)}", again=passing, names=names)

    @property
    def _slow(self) -> str:
        return f"no whole answer from {self.url} within {self.served.timeout_s:g} s"

    def _broken(self, error: Exception, text: str) -> Outcome | None:
        """What an error on the way means; None when it is none of the connection's."""
        import openai

        wrapped = isinstance(error, openai.APIConnectionError)
        cause = error.__cause__ if wrapped and error.__cause__ is not None else error
        # By name: the SDK has changed its HTTP library between versions, and both name their errors alike.
        names = {kind.__name__ for kind in type(cause).__mro__}
        if names & {"ConnectError", "ConnectTimeout", "PoolTimeout"}:
            return Refused(f"no connection to {self.url}", again=True)
        if "TimeoutException" in names or isinstance(error, openai.APITimeoutError):
            return Lost(self._slow, text)
        if wrapped or names & {"TransportError", "HTTPError", "StreamError"}:
            return Lost(f"the connection to {self.url} broke off", text)
        return None

    def _text(self, data: bytes | bytearray) -> str:
        text = bytes(data).decode("utf-8", "replace")
        return self._echo.sub("[key]", text) if len(self._key) >= SECRET_CHARS else text

    def _words(self, body: object) -> str:
        """The server's own words without the key."""
        message = _message(body)
        return self._echo.sub("[key]", message) if len(self._key) >= SECRET_CHARS_IN_MESSAGES else message

    def _refused(self, error: openai.APIStatusError) -> Outcome:
        """What an error status means. Raises UserError where it tells of the user's mistake."""
        served, status = self.served, error.status_code
        code, message = str(error.code or ""), self._words(error.body)
        said = _told(message)
        if status == 401:
            # The server's words would show a part of the key.
            raise UserError(
                f"propose.openai: {self.url} refused the key in {served.api_key_env} (status 401); "
                f"set it to a valid key with access to {served.model}"
            )
        if status == 402 or code == "insufficient_quota":
            raise UserError(
                f"propose.openai: the account of {served.api_key_env} has no quota left at {self.url}{said}; add credit, "
                "then start the same command again"
            )
        if status == 404 or code == "model_not_found":
            raise UserError(
                f"propose.openai: {self.url} has no model {served.model} or is no Chat Completions server (status {status})"
                f"{said}; set the model to one that it serves, and base_url to end as its documentation says"
            )
        code = self._words(code)
        told = f"{self.url} answered with status {status}{f' ({code})' if code else ''}{said}"
        if status in _UNKNOWN_END:
            return Lost(told)
        return Refused(
            told,
            again=status in _RETRIED or status >= 500,
            wait_s=_wait(error.response.headers),
            names=f"{error.param or ''} {message}" if status in (400, 422) else "",
        )


@contextlib.contextmanager
def opened(models: tuple[Served, ...]) -> Iterator[dict[str, Server]]:
    """The servers of `models`, by model. Raises UserError as Server does."""
    servers = {served.model: Server(served) for served in models}
    try:
        for server in servers.values():
            server.open()
        yield servers
    finally:
        for server in servers.values():
            server.close()


def _told(message: str) -> str:
    return f": {message[:MESSAGE_CHARS]}" if message else ""


def _message(body: Any) -> str:
    """The server's own words, on one line: the APIs agree on little more than that there is a message somewhere."""
    for _ in range(2):
        if isinstance(body, dict):
            body = next((body[key] for key in ("message", "error", "detail") if body.get(key)), "")
    text = body if isinstance(body, str) else json.dumps(body) if body else ""
    return "" if "<html" in text.lower() else " ".join(re.sub(r"[^\x20-\x7e]", " ", text).split())


def _wait(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait for, by Retry-After or its milliseconds; None when it does not."""
    try:
        if "retry-after-ms" in headers:
            return min(MAX_WAIT_S, max(0.0, float(headers["retry-after-ms"]) / 1000))
        value = headers.get("retry-after", "")
        if not value:
            return None
        seconds = (
            float(value) if re.fullmatch(r"[\d.]+", value) else parsedate_to_datetime(value).timestamp() - time.time()
        )
        return min(MAX_WAIT_S, max(0.0, seconds))
    except (ValueError, TypeError):
        return None
