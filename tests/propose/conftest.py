"""What tests of the proposers have at hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer
from requests_of import MakeRequest, make_request


@pytest.fixture
def request_of(tmp_path: Path) -> MakeRequest:
    """Makes a request of round 1 for two arithmetic rewards, in tmp_path/round; fields as given."""
    return make_request(tmp_path / "round")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    # A proxy of the machine would be asked for loopback addresses too.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    server = ChatServer()
    yield server
    server.close()
