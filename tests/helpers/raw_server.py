"""A server on loopback that sends bytes as they are, for answers that no HTTP library would give."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

MOST_S = 10.0
"""No connection lives longer."""

Send = Callable[[bytes], None]
Script = Callable[[Send, bytes], None]
"""What a server sends: `send`, which fails once the client has left, and the status line."""


class RawServer:
    """Answers every connection with one script; keeps what it was sent."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self._closed = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self._closed.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
                self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        end = time.monotonic() + MOST_S

        def send(data: bytes) -> None:
            if self._closed.is_set() or time.monotonic() > end:
                raise ConnectionError
            connection.sendall(data)
            if len(data) < 2:
                self._closed.wait(0.01)

        with connection, suppress(OSError):
            connection.settimeout(MOST_S)
            self.requests.append(connection.recv(65536))
            status = 200 if b"/200/" in self.requests[-1] else 500
            self.script(send, f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n".encode())


@contextmanager
def raw(script: Script) -> Iterator[RawServer]:
    server = RawServer(script)
    try:
        yield server
    finally:
        server.close()
