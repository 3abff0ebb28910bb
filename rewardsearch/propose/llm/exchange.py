"""The client of the `openai` SDK, with a deadline and a size limit for every answer, whatever its status.

The SDK limits neither the time nor the size of an answer. Its HTTP client therefore reads each answer first, within both.
Redirects are not followed, and a stream that nobody asked for is not read. A body is asked for without compression; gzip and
deflate are decoded piece by piece, so that the limit holds for what comes out. Not covered: the time of looking up a name.
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from rewardsearch.errors import UserError
from rewardsearch.propose.llm.keys import is_loopback

if TYPE_CHECKING:
    import openai

CONNECT_S = 30.0
MAX_BYTES = 8_000_000
ERROR_BYTES = 64_000
"""Of the body of an answer that is no success, which is looked at for its message alone."""
ERROR_BODY_S = 10.0
_ENCODINGS = {"gzip": 47, "x-gzip": 47, "deflate": 47}
"""What is decoded, with zlib's window bits: 47 tells gzip from zlib by the header."""
_UNSENT = frozenset(("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnicodeError"))
"""Errors before anything is sent, by name: the HTTP libraries of the SDK's versions differ and name their errors alike."""
_HEADERS = re.compile(
    "host|connection|user-agent|authorization|accept(-encoding)?|content-(type|length)|"
    "idempotency-key|x-client-request-id|x-stainless-raw-response"
)
"""All that are sent. The SDK adds others from the environment, which may be meant for another server."""

Gap = Literal["", "slow", "broken", "long", "stream", "encoding"]


@dataclass(frozen=True)
class Answer:
    """`headers` with names in lower case. `gap` says why the body is not whole; empty when it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    gap: Gap = ""


class NoConnection(Exception):
    """Nothing was sent. The text is TLS's reason, or empty."""


def open_client(url: str, key: str) -> openai.OpenAI:
    """A client that threads may share. Raises UserError for a proxy or certificates that cannot be used."""
    import openai  # takes half a second, which commands that ask nothing do without

    class Client(openai.DefaultHttpxClient):
        def send(self, request: Any, **options: Any) -> Any:
            with _Deadline() as deadline:
                deadline.set(request.extensions["timeout"]["read"])
                request.extensions["trace"] = deadline.trace
                for name in [name for name in request.headers if not _HEADERS.fullmatch(name)]:
                    del request.headers[name]
                try:
                    response = super().send(request, **options | {"stream": True, "follow_redirects": False})
                except Exception as error:
                    raise _meaning(error, deadline.is_over) from None
                with contextlib.closing(response):
                    answer = _read(response, deadline)
            # The SDK looks at the status alone.
            return type(response)(answer.status, request=request, extensions={"answer": answer})

    parts = urlsplit(url)
    is_local, is_tls = is_loopback(parts.hostname or ""), parts.scheme == "https"
    try:
        # No proxy of the environment is asked for loopback. Without the environment, its certificates are Python's to find.
        verify = ssl.create_default_context() if is_local and is_tls else is_tls
        http_client = Client(params=parts.query, trust_env=not is_local, verify=verify)
    except Exception as error:
        raise UserError(
            f"propose.llm: a proxy or certificates that the environment names cannot be used ({error}); "
            "correct http_proxy, https_proxy, all_proxy, no_proxy, SSL_CERT_FILE or SSL_CERT_DIR"
        ) from None
    # Given in full: the SDK takes what is not given from the environment.
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity", "Connection": "close"}
    base_url = urlunsplit(parts._replace(query=""))
    return openai.OpenAI(
        api_key=key, base_url=base_url, max_retries=0, default_headers=headers, http_client=http_client
    )


def exchange(call: Callable[..., Any], timeout_s: float, **fields: Any) -> Answer:
    """Calls a `with_raw_response` method of the client and gives what the server answered, or the part that came.

    Raises NoConnection. Where no status came, but the request may have been received, it raises TimeoutError at the deadline
    and ConnectionError before.
    """
    import openai

    try:
        response = call(timeout=openai.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)), **fields).http_response
    except openai.APIStatusError as error:
        response = error.response
    except openai.APIConnectionError as error:
        # Some versions of the SDK wrap what its HTTP client raises.
        raise (error.__cause__ or error) from None
    answer: Answer = response.extensions["answer"]
    return answer


def _meaning(error: Exception, is_over: bool) -> Exception:
    """What `exchange` raises for an error of the HTTP library; the error itself when it is none of the connection's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not names & _UNSENT:
        return error if "TransportError" not in names else TimeoutError() if is_over else ConnectionError()
    cause: BaseException | None = None if is_over else error
    while cause and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NoConnection(f"{cause.verify_message}; SSL_CERT_FILE can name an authority to trust")
    return NoConnection(cause.reason if isinstance(cause, ssl.SSLError) else "")


def _read(response: Any, deadline: _Deadline) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = partial(Answer, response.status_code, headers)
    content_type = headers.get("content-type", "").strip().lower()
    if response.is_success and content_type.startswith(("text/event-stream", "application/x-ndjson")):
        return answer(b"", "stream")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *_ENCODINGS):
        return answer(b"", "encoding")
    if not response.is_success:
        deadline.set(ERROR_BODY_S)
    max_bytes = MAX_BYTES if response.is_success else ERROR_BYTES
    decoder = zlib.decompressobj(_ENCODINGS[encoding]) if encoding in _ENCODINGS else None
    data, received, is_whole = bytearray(), 0, False
    try:
        for piece in response.iter_raw():
            received += len(piece)
            data += decoder.decompress(piece, max_bytes + 1 - len(data)) if decoder else piece
            if max(received, len(data)) > max_bytes:
                return answer(bytes(data[:max_bytes]), "long")
            if deadline.is_over:
                break
        is_whole = not decoder or decoder.eof
    except Exception as error:
        if not isinstance(error, zlib.error) and not isinstance(_meaning(error, False), ConnectionError):
            raise
    return answer(bytes(data), "slow" if deadline.is_over else "" if is_whole else "broken")


class _Deadline(contextlib.ExitStack):
    """Shuts a connection down when its time is over, wherever it is waited for: where a server sends a byte now and then, no
    single read takes long."""

    _end = math.inf
    _socket: socket.socket | None = None

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def set(self, seconds: float) -> None:
        """The earliest one holds."""
        self._end = min(self._end, time.monotonic() + seconds)
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        self.callback(timer.cancel)

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by the HTTP library at each step. TLS takes the socket over, so a duplicate is kept."""
        if event == "connection.connect_tcp.complete":
            self._socket = self.enter_context(info["return_value"].get_extra_info("socket").dup())
            if self.is_over:
                self._cut()

    def _cut(self) -> None:
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
