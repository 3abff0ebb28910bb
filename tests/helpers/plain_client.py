"""A client of a Chat Completions server that shows what came and mends nothing, and the request and replies of its tests."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bad_server import BadServer
from chat_server import Body, reward_code
from server_faults import Fault

KEY = "sk-test-0123456789abcdef"
CODE = reward_code(1.0)
MARKDOWN = f"Name: Gold number\nHypothesis: It pays what counts.\n\n```python\n{CODE}```\n"
SCHEMA = json.dumps({"name": "Gold number", "hypothesis": "It pays what counts.", "code": CODE})
BODY: Body = {
    "model": "served",
    "messages": [{"role": "system", "content": "s" * 30}, {"role": "user", "content": "u" * 73}],
}
PROMPT_TOKENS = 25  # 103 characters


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.data)

    @property
    def choice(self) -> Any:
        return self.body["choices"][0]

    @property
    def content(self) -> Any:
        return self.choice["message"]["content"]


def connect(server: BadServer, timeout: float = 30.0) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=timeout)


def send(connection: http.client.HTTPConnection, body: Body = BODY, idempotency: str | None = None) -> None:
    headers = {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": idempotency} if idempotency else {})
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)


def ask(server: BadServer, body: Body = BODY, idempotency: str | None = None, timeout: float = 30.0) -> Got:
    with closing(connect(server, timeout)) as connection:
        send(connection, body, idempotency)
        response = connection.getresponse()
        return Got(response.status, dict(response.headers), response.read())


def ask_with(fault: Fault | None, content: str = MARKDOWN) -> Got:
    """The answer that has this fault."""
    with BadServer(lambda body: content, [fault]) as server:
        return ask(server)
