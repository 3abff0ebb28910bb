"""One HTTP exchange with a server on this machine, at an address or at a Unix socket. Proxies are not used."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """A status, and the body as JSON; None where it is none."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        """The first line of what the server says is wrong; empty where it is not an error of vLLM."""
        try:
            lines = str(self.body["error"]["message"]).strip().splitlines()
        except (KeyError, TypeError):
            return ""
        return lines[0][:300] if lines else ""


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    address: str | Path, path: str, timeout_s: float, body: dict[str, Any] | None = None, key: str | None = None
) -> Answer:
    """The answer to a GET, or to a POST of `body`. Raises OSError or http.client.HTTPException."""
    with_key = {"Authorization": f"Bearer {key}"} if key else {}
    if isinstance(address, Path):
        connection: http.client.HTTPConnection = _Unix(address, timeout_s)
    else:
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection, path = kind(parts.netloc, timeout=timeout_s), parts.path + path
    try:
        connection.request(
            "GET" if body is None else "POST",
            path,
            None if body is None else json.dumps(body),
            {"Content-Type": "application/json"} | with_key,
        )
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    try:
        return Answer(answer.status, json.loads(data))
    except ValueError:
        return Answer(answer.status, None)
