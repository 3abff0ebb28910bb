"""A Chat Completions server on loopback, and the replies and requests of its tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Body = dict[str, Any]


class Answer(NamedTuple):
    """What the server sends: `body` as JSON, or as it is when it is a text. Refused requests are retried at once."""

    body: Body | str
    status: int = 200


Respond = Callable[[int, Body], Answer]


def reward_code(value: float) -> str:
    """A reward file that is another one for another value."""
    return (
        '"""Pays the gold number."""\n\n\ndef reward(prompts, completions, answer, **columns):\n'
        f"    return [{value} if gold in text else 0.0 for text, gold in zip(completions, answer)]\n"
    )


def said(content: str | None, finish: str = "stop", prompt_tokens: int = 700, completion_tokens: int = 90) -> Answer:
    """A chat completion with this content."""
    return Answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "served",
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
            },
        }
    )


def rewarded(value: float, name: str = "Gold number") -> Answer:
    """A reply in the form that the prompt asks for."""
    return said(f"Name: {name}\nHypothesis: It pays what counts.\n\n```python\n{reward_code(value)}```\n")


def refused(status: int, code: str | None = None, param: str | None = None, message: str = "no") -> Answer:
    return Answer({"error": {"message": message, "type": "error", "code": code, "param": param}}, status)


def request_body(handler: BaseHTTPRequestHandler) -> bytes | None:
    """The whole body of the request at hand; None where the client left, or the server was closed, in the middle of it."""
    length = int(handler.headers["Content-Length"] or 0)
    data = handler.rfile.read(length)
    return data if data and len(data) == length else None


class ChatServer:
    """Serves on a free port of 127.0.0.1. `respond` makes the answer to the n-th request (from 0) with this body."""

    def __init__(self) -> None:
        self.respond: Respond = lambda n, body: rewarded(float(n + 1))
        self.bodies: list[Body] = []
        self.keys: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, headers: Mapping[str, str], body: Body) -> Answer:
        with self._lock:
            n = len(self.bodies)
            self.bodies.append(body)
            self.keys.append(headers["Authorization"].removeprefix("Bearer "))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self.respond(n, body)
        finally:
            with self._lock:
                self._at_once -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = request_body(self)
                if data is None:
                    return
                body = json.loads(data)
                answer = server.answer(self.headers, body) if self.path == "/v1/chat/completions" else refused(404)
                text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
                reply = text.encode("utf-8")
                try:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(reply)))
                    self.send_header("retry-after-ms", "1")
                    self.end_headers()
                    self.wfile.write(reply)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # The client did not wait for it.

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
