"""Serves the report of a run on the loopback address. The page asks for the version of the run, and loads itself again when it
changes. Nothing is served to other machines, and no file but the report."""

from __future__ import annotations

import contextlib
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from rewardsearch.errors import RewardSearchError, UserError
from rewardsearch.report import report_html
from rewardsearch.report.scoreboard import Scorer
from rewardsearch.run.journal import JOURNAL, read_run

LOOPBACK = "127.0.0.1"


class ReportServer:
    """A server of one run's report. Use as a context manager. Raises UserError for a port that cannot be had."""

    def __init__(self, folder: Path, port: int = 0, replay: bool = False) -> None:
        self._folder, self._replay = folder, replay
        self._scorer: Scorer | None = None
        self._page: tuple[str, bytes] = ("", b"")
        self._lock = threading.Lock()
        self._start = secrets.token_hex(4)
        try:
            self._server = ThreadingHTTPServer((LOOPBACK, port), self._handler())
        except (OSError, OverflowError) as error:
            raise UserError(
                f"--port: cannot serve on port {port} ({error}); give another one up to 65535, or 0 for any"
            ) from None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_port}/"

    def serve_until_interrupted(self) -> None:
        """Serves until Ctrl-C or `close`."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Ends `serve_until_interrupted` of another thread."""
        self._server.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def version(self) -> str:
        """Changes with the journal."""
        found = (self._folder / JOURNAL).stat()
        return f"{self._start}-{found.st_size}-{found.st_mtime_ns}"

    def page(self) -> bytes:
        """The report of the run as it stands; made again when the journal has grown."""
        with self._lock:
            version = self.version()
            if self._page[0] != version:
                state = read_run(self._folder)
                self._scorer = self._scorer or Scorer(state.config)
                html = report_html(state, scorer=self._scorer, replay=self._replay, live=version)
                self._page = version, html.encode()
            return self._page[1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                # A page of another site could name this server by a host name of its own.
                if self.headers.get("Host", "").rpartition(":")[0] not in (LOOPBACK, "localhost"):
                    self.send_error(403)
                    return
                try:
                    if self.path in ("/", "/index.html"):
                        self._answer(server.page(), "text/html")
                    elif self.path == "/version":
                        self._answer(server.version().encode(), "text/plain")
                    else:
                        self.send_error(404)
                except (RewardSearchError, OSError) as error:
                    self.send_error(503, explain="; ".join(str(error).splitlines()))

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Requests are not logged."""

        return Handler
