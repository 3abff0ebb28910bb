"""One request to an OpenAI-compatible Chat Completions server, and what came of it, as data.

Covers: errors sorted by whether asking again can help and by whether the server may have billed them, keys cut out of whatever
the server sends. Deadlines and sizes are exchange.py's; retries, budgets and files are asking.py's.
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
from urllib.parse import urljoin, urlsplit

from rewardsearch.config import Served
from rewardsearch.errors import UserError
from rewardsearch.files import decoded_text
from rewardsearch.propose.llm.exchange import MAX_BYTES, Answer, NoConnection, exchange, open_client
from rewardsearch.propose.llm.keys import OFFICIAL_URL, SECRET_CHARS, SECRET_CHARS_IN_MESSAGES, echo_of, key_of
from rewardsearch.propose.llm.reply import is_whole

if TYPE_CHECKING:
    import openai

MAX_LOST_CHARS = 100_000
"""Of what came of a lost reply that are kept."""
MESSAGE_CHARS = 200
"""How much of a server's error message is shown."""
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
    """No whole reply came: the server may have billed. `text` is what came of it; `again` says whether the same request may
    succeed later."""

    reason: str
    text: str = ""
    again: bool = True


Outcome = Received | Refused | Lost


def url_of(served: Served) -> str:
    return OFFICIAL_URL if served.base_url is None else served.base_url


def server_name(served: Served) -> str:
    """What a model at its server goes by in the journal."""
    return f"{served.model} at {url_of(served)}"


class Server:
    """The server of one model. Its methods may be called from several threads."""

    _client: openai.OpenAI

    def __init__(self, served: Served) -> None:
        """Raises UserError for an address that is none, and for a missing or unfit key."""
        self.served = served
        self.url = url_of(served)
        self.name = server_name(served)
        self._key = key_of(self.url, served.api_key_env)
        self._echo = echo_of(self._key)

    def open(self) -> None:
        """Makes the client, before threads share it. Raises UserError as open_client does."""
        self._client = open_client(self.url, self._key)

    def check_connectivity(self) -> str:
        """Whether there is a server at all, by asking for the list of its models, which is free. Gives a warning, or nothing.

        Raises UserError when nothing listens at the address, and when it leads to another. What a server answers says little:
        many have no such list.
        """
        try:
            answer = exchange(self._client.models.with_raw_response.list, REACH_S)
        except NoConnection as error:
            raise UserError(
                f"propose.llm: {self._unreached(error)}; start the server there, or set base_url to another"
            ) from None
        except TimeoutError:
            return f"{self.url} did not answer within {REACH_S:g} s; check that its model is loaded"
        except ConnectionError:
            return ""
        if 300 <= answer.status < 400 and not self._leads_here(answer):
            raise self._redirected(answer)
        if answer.status in (401, 403):
            key = self.served.api_key_env
            return f"{self.url} answered with status {answer.status}; put the right key for it into {key}"
        return ""

    def post(self, body: Mapping[str, Any], idempotency_key: str) -> Outcome:
        """Sends `body` once. A server that knows the key answers a repetition with what it answered before, unbilled.

        Raises UserError for what no repetition can mend: the key, the quota, the model, the address.
        """
        # The SDK sends UTF-8, which has no halves of surrogate pairs.
        fields = json.loads(json.dumps(dict(body), ensure_ascii=False).encode("utf-8", "replace"))
        ids = {"Idempotency-Key": idempotency_key, "X-Client-Request-Id": idempotency_key}
        try:
            answer = exchange(
                self._client.chat.completions.with_raw_response.create,
                self.served.timeout_s,
                model=fields.pop("model"),
                messages=fields.pop("messages"),
                # The SDK knows no fields of other makers than OpenAI by name.
                extra_body=fields,
                extra_headers=ids,
            )
        except NoConnection as error:
            return Refused(self._unreached(error), again=True)
        except TimeoutError:
            return Lost(self._slow)
        except ConnectionError:
            return Lost(self._broken)
        if 300 <= answer.status < 400:
            raise self._redirected(answer)
        if answer.status >= 400:
            return self._refused(answer)
        text = self._text(answer.body)
        if answer.gap == "stream" or _is_stream(text):
            reason = f"{self.url} streams its answers, which nothing asked for; turn streaming off in the settings of the server"
            return Lost(f"{reason} or gateway there, or set base_url to another", text[:MAX_LOST_CHARS], again=False)
        if answer.gap and not is_whole(text):
            reasons = {
                "slow": self._slow,
                "broken": self._broken,
                "long": f"an answer of more than {MAX_BYTES:,} bytes from {self.url}",
                "encoding": f"{self.url} compresses its answers with {answer.headers.get('content-encoding')!r:.40}, though "
                "nothing asked for that; turn it off there",
            }
            return Lost(reasons[answer.gap], text[:MAX_LOST_CHARS], again=answer.gap in ("slow", "broken"))
        return self._answered(text)

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
        return Refused(f"{self.url} answered with an error{_quoted(said)}", again=passing, names=names)

    @property
    def _slow(self) -> str:
        return f"no whole answer from {self.url} within {self.served.timeout_s:g} s"

    @property
    def _broken(self) -> str:
        return f"the connection to {self.url} broke off"

    def _unreached(self, error: NoConnection) -> str:
        return f"no connection to {self.url}{f' ({error})' if str(error) else ''}"

    def _leads_here(self, answer: Answer) -> bool:
        """Whether a redirect stays at the server's own address."""
        return urlsplit(self._target(answer))[:2] == urlsplit(self.url)[:2]

    def _target(self, answer: Answer) -> str:
        """Where a redirect leads, as base_url would name it: without what may hold a secret."""
        try:
            parts = urlsplit(urljoin(self.url, answer.headers.get("location", "")))
            host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        except ValueError:
            return "what is no address"
        path = parts.path.removesuffix("/").removesuffix("/chat/completions").removesuffix("/models")
        return self._words(f"{parts.scheme}://{host}{path}")[:MESSAGE_CHARS]

    def _redirected(self, answer: Answer) -> UserError:
        return UserError(
            f"propose.llm: {self.url} redirects to {self._target(answer)} (status {answer.status}), and no prompt is sent to "
            "an address that the config does not name; set base_url to it if that is your server"
        )

    def _text(self, data: bytes) -> str:
        text = decoded_text(data)
        return self._echo.sub("[key]", text) if len(self._key) >= SECRET_CHARS else text

    def _words(self, body: object) -> str:
        """The server's own words without the key."""
        message = _message(body)
        return self._echo.sub("[key]", message) if len(self._key) >= SECRET_CHARS_IN_MESSAGES else message

    def _refused(self, answer: Answer) -> Outcome:
        """The outcome of an error status. Raises UserError where it is the user's mistake."""
        served, status = self.served, answer.status
        text = self._text(answer.body)
        body = json.loads(text) if is_whole(text) else text
        error = body.get("error", body) if isinstance(body, dict) else body
        fields = error if isinstance(error, dict) else {}
        code, message = self._words(str(fields.get("code") or "")), self._words(error)
        said = _quoted(message)
        if status == 401:
            # The server's words would show a part of the key.
            raise UserError(
                f"propose.llm: {self.url} refused the key in {served.api_key_env} (status 401); "
                f"set it to a valid key with access to {served.model}"
            )
        if status == 402 or code == "insufficient_quota":
            raise UserError(
                f"propose.llm: the account of {served.api_key_env} has no quota left at {self.url}{said}; add credit, "
                "then start the same command again"
            )
        if status == 404 or code == "model_not_found":
            raise UserError(
                f"propose.llm: {self.url} has no model {served.model} or is no Chat Completions server (status {status})"
                f"{said}; set the model to one that it serves, and base_url to end as its documentation says"
            )
        reason = f"{self.url} answered with status {status}{f' ({code})' if code else ''}{said}"
        if status in _UNKNOWN_END:
            return Lost(reason)
        return Refused(
            reason,
            again=status in _RETRIED or status >= 500,
            wait_s=_wait(answer.headers),
            names=f"{fields.get('param') or ''} {message}" if status in (400, 422) else "",
        )


@contextlib.contextmanager
def opened(models: tuple[Served, ...]) -> Iterator[dict[str, Server]]:
    """The servers of `models`, by model. Raises UserError as Server does."""
    servers = {served.model: Server(served) for served in models}
    for server in servers.values():
        server.open()
    yield servers


def _is_stream(text: str) -> bool:
    """Whether a text is a stream of events, or of one JSON object a line."""
    first, _, rest = text.lstrip().partition("\n")
    return first.startswith(("data:", "event:", ": ")) or bool(
        first.startswith("{") and rest.strip() and is_whole(first)
    )


def _quoted(message: str) -> str:
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
