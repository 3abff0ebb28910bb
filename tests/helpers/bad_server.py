"""A Chat Completions server on loopback that misbehaves on a schedule and counts what it bills.

A request is billed when the server begins to send what it generated for it, whatever becomes of that on the way. A refused
or unanswered request costs nothing. A request whose `Idempotency-Key` has a generated reply is sent that reply again and
costs nothing; what is damaged on the way is damaged anew by the schedule, and a fault of the model's doing has no effect,
since nothing is generated. Streaming is not served.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from chat_server import Body, request_body
from server_errors import ErrorStyle, Sent, error_of, parameter_error, refused_parameter
from server_faults import Fault, generated, on_the_way, text_of

SILENCE_S = 60.0
DRIP_S = 0.001
"""Between two bytes of a body that drips."""

Schedule = Callable[[int], Fault | None] | Sequence[Fault | None]


class Billed(NamedTuple):
    """What one request cost, in tokens. The id is also the `id` of the reply, also where that is sent again."""

    id: str
    prompt_tokens: int
    completion_tokens: int


class Request(NamedTuple):
    """One request as it came; names of headers in lower case. `refused` is the parameter it was refused for, `fault` what
    the schedule had for it, `replayed` whether its reply had been generated for an earlier request."""

    id: str
    headers: dict[str, str]
    body: Body
    fault: Fault | None = None
    refused: str | None = None
    replayed: bool = False

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class BadServer:
    """Serves on a free port of 127.0.0.1 until it is closed.

    `reply_of` makes the content of a sound answer, once for each generated reply. `schedule` gives the fault of the n-th
    request (from 0, in the order they arrive); after the end of a list all is well. A request with one of
    `refused_parameters` (a field of the body, or `system` for a message of that role) gets a 400 in the words of
    `error_style` and takes no place in the schedule.
    """

    def __init__(
        self,
        reply_of: Callable[[Body], str],
        schedule: Schedule = (),
        honours_idempotency: bool = True,
        refused_parameters: Collection[str] = (),
        error_style: ErrorStyle = "openai",
    ) -> None:
        self.requests: list[Request] = []
        """Those to chat/completions; any other path is answered with 404 and not kept."""
        self.billed: list[Billed] = []
        self.errors: list[BaseException] = []
        """Exceptions of this server itself; close() raises the first."""
        self._reply_of = reply_of
        self._schedule = schedule
        self._honours_idempotency = honours_idempotency
        self._refused_parameters = frozenset(refused_parameters)
        self._error_style = error_style
        self._place = 0
        self._replies: dict[str, Body] = {}
        self._generating: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self.closed = threading.Event()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def tokens(self) -> int:
        """All that was billed."""
        return sum(bill.prompt_tokens + bill.completion_tokens for bill in self.billed)

    def close(self) -> None:
        """Ends every connection, also those in silence. Raises what went wrong in the server or in `reply_of`."""
        if not self.closed.is_set():
            self.closed.set()
            self._http.shutdown()
            self._http.end_connections()
            self._http.server_close()
            self._thread.join()
        if self.errors:
            raise self.errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- one request --------------------------------------------------------------------------------------------------

    def answer(self, headers: dict[str, str], body: Body) -> tuple[Request, Sent | None]:
        """The request with what the schedule has for it, and the whole of what to send; None for nothing."""
        request = self._received(headers, body)
        if request.refused is not None:
            return request, parameter_error(request.refused, body, self._error_style)
        if request.fault in (Fault.CLOSED, Fault.SILENCE):
            return request, None
        error = error_of(request.fault, request.key)
        return request, error or Sent(on_the_way(request.fault, self._reply(request)))

    def _received(self, headers: dict[str, str], body: Body) -> Request:
        with self._lock:
            fault = None
            refused = refused_parameter(body, self._refused_parameters)
            if refused is None:
                fault = self._fault(self._place)
                self._place += 1
            request = Request(f"req-{len(self.requests)}", headers, body, fault, refused)
            self.requests.append(request)
            return request

    def _fault(self, place: int) -> Fault | None:
        if callable(self._schedule):
            return self._schedule(place)
        return self._schedule[place] if place < len(self._schedule) else None

    def _reply(self, request: Request) -> Body:
        """The reply to this request, or to the earlier one with its Idempotency-Key; generated and billed once."""
        known = request.headers.get("idempotency-key") if self._honours_idempotency else None
        with self._lock:
            generating = self._generating[known or request.id]
        # Two requests with one key that are in flight together get one reply.
        with generating:
            if known in self._replies:
                with self._lock:
                    self.requests[self.requests.index(request)] = request._replace(replayed=True)
                return self._replies[known]
            content = self._reply_of(request.body)
            prompt_tokens = sum(len(text_of(message)) for message in request.body["messages"]) // 4
            with self._lock:
                # Servers tell the details of usage or do not; this one does every other time.
                detailed = len(self.billed) % 2 == 1
                reply = generated(request.fault, content, request.key, request.id, prompt_tokens, detailed)
                self.billed.append(Billed(request.id, prompt_tokens, reply["usage"]["completion_tokens"]))
            if known is not None:
                self._replies[known] = reply
            return reply


class _Http(ThreadingHTTPServer):
    """Knows its open connections, so that closing need not wait for what a client or a fault holds open."""

    daemon_threads = False

    def __init__(self, server: BadServer) -> None:
        self.bad = server
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that did not wait for its answer is no error here.
        if error is not None and not isinstance(error, ConnectionError):
            self.bad.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_POST(self) -> None:
        data = request_body(self)
        if data is None:
            self.close_connection = True
            return
        if self.path != "/v1/chat/completions":
            self._send(Sent(b'{"detail": "Not Found"}', 404), "none", None)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request, sent = self.server.bad.answer(headers, json.loads(data))
        if sent is None:
            if request.fault is Fault.SILENCE:
                self.server.bad.closed.wait(SILENCE_S)
            self.close_connection = True
        else:
            self._send(sent, request.id, request.fault)

    def _send(self, sent: Sent, id: str, fault: Fault | None) -> None:
        self.send_response(sent.status)
        self.send_header("Content-Type", sent.content_type)
        self.send_header("Content-Length", str(len(sent.data)))
        self.send_header("x-request-id", id)
        for name, value in sent.headers:
            self.send_header(name, value)
        self.end_headers()
        if fault is Fault.RESET:
            self.wfile.write(sent.data[: len(sent.data) // 2])
            self._reset()
        elif fault is Fault.DRIP:
            for place in range(len(sent.data)):
                self.wfile.write(sent.data[place : place + 1])
                self.server.bad.closed.wait(DRIP_S)
        else:
            self.wfile.write(sent.data)

    def _reset(self) -> None:
        """Ends the connection with RST where closing it in order would send FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Detached, since the streams of the handler hold the socket open beyond its close().
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass
