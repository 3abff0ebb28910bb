"""One HTTP exchange within a deadline and a size limit, whatever the status: connecting, TLS, headers and body together.

Redirects are not followed, and a stream that nobody asked for is not read. A body is asked for without compression; gzip and
deflate are decoded piece by piece, so that the limit holds for what comes out. Not covered: the time of looking up a name.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi

from rewardsearch.propose.llm.keys import is_loopback

CONNECT_S = 30.0
ERROR_BYTES = 64_000
"""Of the body of an answer that is no success, which is looked at for its message alone."""
ERROR_BODY_S = 10.0
_PIECE = 65_536
_ENCODINGS = {"gzip": 47, "x-gzip": 47, "deflate": 47}
"""What is decoded, with zlib's window bits: 47 tells gzip from zlib by the header."""

Gap = Literal["", "slow", "broken", "long", "stream", "encoding"]


@dataclass(frozen=True)
class Answer:
    """`headers` with names in lower case. `gap` says why the body is not whole; empty when it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    gap: Gap = ""


class NoConnection(Exception):
    """Nothing was sent. `reason` is TLS's, or empty."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason or ""


class NoAnswer(Exception):
    """The request may have been received; no status came. `is_slow`: within the deadline."""

    def __init__(self, is_slow: bool) -> None:
        super().__init__()
        self.is_slow = is_slow


def tls_context() -> ssl.SSLContext:
    """Trusts the certificates of the system, of SSL_CERT_FILE and SSL_CERT_DIR, and of Mozilla."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    timeout_s: float,
    max_bytes: int,
    tls: ssl.SSLContext | None,
) -> Answer:
    """Sends one request and reads its answer, at most `max_bytes` of its body.

    Raises NoConnection and NoAnswer. An answer whose body came in part is given with that part.
    """
    connection, target, of_proxy = _connection(url, min(timeout_s, CONNECT_S), tls)
    headers = {"Accept-Encoding": "identity", "Connection": "close", **of_proxy, **headers}
    with contextlib.closing(connection), _Deadline(connection, timeout_s) as deadline:
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise NoConnection(f"{error.verify_message}; SSL_CERT_FILE can name an authority to trust") from None
        except ssl.SSLError as error:
            raise NoConnection(error.reason) from None
        except (OSError, http.client.HTTPException):
            raise NoConnection from None
        assert connection.sock is not None
        connection.sock.settimeout(max(0.001, deadline.left))
        deadline.socket = connection.sock
        try:
            # A server that refuses a request early closes the connection while it is still being sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            raise NoAnswer(deadline.is_over) from None
        with contextlib.closing(response):
            if not 200 <= response.status < 300:
                deadline.shorten(ERROR_BODY_S)
                max_bytes = ERROR_BYTES
            names = {name.lower(): value for name, value in response.headers.items()}
            data, gap = _body(response, names, max_bytes, deadline)
            return Answer(response.status, names, data, gap)


def _body(
    response: http.client.HTTPResponse, headers: Mapping[str, str], max_bytes: int, deadline: _Deadline
) -> tuple[bytes, Gap]:
    content_type = headers.get("content-type", "").strip().lower()
    if response.status < 300 and content_type.startswith(("text/event-stream", "application/x-ndjson")):
        return b"", "stream"
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *_ENCODINGS):
        return b"", "encoding"
    decoder = zlib.decompressobj(_ENCODINGS[encoding]) if encoding in _ENCODINGS else None
    data = bytearray()
    received = 0
    try:
        while piece := response.read1(_PIECE):
            received += len(piece)
            data += decoder.decompress(piece, max_bytes + 1 - len(data)) if decoder else piece
            if max(received, len(data)) > max_bytes:
                return bytes(data[:max_bytes]), "long"
            if deadline.is_over:
                return bytes(data), "slow"
    except (OSError, http.client.HTTPException, zlib.error):
        return bytes(data), "slow" if deadline.is_over else "broken"
    if deadline.is_over:
        return bytes(data), "slow"
    # http.client tells a body that ends too soon by what is left of it alone.
    is_whole = not response.length and (decoder is None or decoder.eof)
    return bytes(data), "" if is_whole else "broken"


def _connection(
    url: str, timeout_s: float, tls: ssl.SSLContext | None
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection that is not made yet, through the proxy that the environment names; what to ask it for, with which headers."""
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    proxies = {} if is_loopback(host) or proxy_bypass(host) else getproxies()
    proxy = urlsplit(proxies.get(parts.scheme) or proxies.get("all") or "")
    at, port = (proxy.hostname, proxy.port or 80) if proxy.hostname else (host, parts.port)
    connection = (
        http.client.HTTPSConnection(at, port, timeout=timeout_s, context=tls)
        if secure
        else http.client.HTTPConnection(at, port, timeout=timeout_s)
    )
    headers: dict[str, str] = {}
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        headers = {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if proxy.hostname and secure:
        connection.set_tunnel(host, parts.port or 443, headers)
    if proxy.hostname and not secure:
        return connection, url, headers
    return connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), {}


class _Deadline:
    """Shuts a connection down when its time is over, wherever it is waited for: where a server sends a byte now and then, no
    single read takes long."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: float) -> None:
        self._connection = connection
        self._end = time.monotonic() + seconds
        self._timer = self._started()
        self.socket: socket.socket | None = None
        """The connection's socket, which the connection gives up when its answer is to end it."""

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def shorten(self, seconds: float) -> None:
        self._timer.cancel()
        self._end = min(self._end, time.monotonic() + seconds)
        self._timer = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _started(self) -> threading.Timer:
        timer = threading.Timer(max(0.0, self.left), self._cut)
        timer.daemon = True
        timer.start()
        return timer

    def _cut(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            # The method of the plain socket: TLS's own would wait for the thread that reads.
            socket.socket.shutdown(self.socket or self._connection.sock, socket.SHUT_RDWR)
