"""What the attacks of tests/attacks are after, set up so that touching it is seen."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rewardsearch.rewards.sandbox.kernel.libc import prctl

VARIABLE = "REWARDSEARCH_CANARY"
FOLDER = Path("/tmp/rewardsearch_canary")
PORT = 47999
"""Names that the attacks carry in their code."""
TURN_S = 300.0
"""How long a test waits for one of another test run at most."""

_PR_SET_CHILD_SUBREAPER = 36


class Watch:
    """The canaries, as they were at the start.

    What is read (the variable, the secret) is not seen here, but in what the attacks answer.
    """

    def __init__(self, listener: socket.socket, workers: Path) -> None:
        self._listener, self._workers = listener, workers
        self._files = _files()
        self._processes = set(_children())

    def touched(self, patience_s: float = 2.0) -> list[str]:
        """What was touched, in words. Processes that were just killed have `patience_s` to be gone."""
        files = _files()
        found = [f"{FOLDER / name} is new or changed" for name, at in files.items() if self._files.get(name) != at]
        found += [f"{FOLDER / name} is gone" for name in self._files.keys() - files.keys()]
        found += [f"{path} was left behind" for path in self._workers.rglob("*")]
        with contextlib.suppress(BlockingIOError):
            self._listener.accept()[0].close()
            found.append("the listener was reached")
        end = time.monotonic() + patience_s
        while (alive := self.survivors()) and time.monotonic() < end:
            time.sleep(0.02)
        return found + [f"process {pid} survives: {name}" for pid, name in alive.items()]

    def survivors(self) -> dict[int, str]:
        """Live processes that were not there at the start, by id with their name."""
        now = _children().items()
        return {pid: name for pid, (state, name) in now if pid not in self._processes and state not in "ZX"}

    def clean_up(self) -> None:
        for path in FOLDER.glob("pwned_*"):
            if path.name not in self._files:
                path.unlink()
        for pid in _children().keys() - self._processes:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def watching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    """The body of a fixture that sets the canaries up and takes away what it made."""
    with socket.socket() as listener, contextlib.ExitStack() as cleanup:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Also what keeps two runs of these tests off each other's folder: the other one's turn is over in a while.
        end = time.monotonic() + TURN_S
        while not _listening(listener):
            if time.monotonic() > end:
                pytest.fail(f"the attacks reach for 127.0.0.1:{PORT}, which is taken; free it and run again")
            time.sleep(0.1)
        listener.setblocking(False)
        monkeypatch.setenv(VARIABLE, "canary")
        if not FOLDER.exists():
            FOLDER.mkdir()
            cleanup.callback(shutil.rmtree, FOLDER)
        # Open to all: it is the sandbox that must keep an attack out, not the folder.
        try:
            FOLDER.chmod(0o777)
        except PermissionError:
            pytest.fail(f"{FOLDER}, which the attacks reach for, belongs to another user; remove it and run again")
        secret = FOLDER / "secret.txt"
        secret.write_text("canary", encoding="utf-8")
        secret.chmod(0o644)
        # Workers make their folders here, and leave none.
        workers = tmp_path / "workers"
        workers.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(workers))
        # A process whose own parent has ended becomes a child of this one, so that none gets away unseen.
        assert prctl(_PR_SET_CHILD_SUBREAPER, 1)
        cleanup.callback(prctl, _PR_SET_CHILD_SUBREAPER, 0)
        watch = Watch(listener, workers)
        cleanup.callback(watch.clean_up)
        yield watch


def _listening(listener: socket.socket) -> bool:
    """Whether the listener is now the one at the port."""
    try:
        if listener.getsockname()[1] != PORT:
            listener.bind(("127.0.0.1", PORT))
        listener.listen()
    except OSError:
        return False
    return True


def _files() -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in FOLDER.iterdir()}


def _children() -> dict[int, tuple[str, str]]:
    """State and name of every process whose parent is this one, by id."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name, _, rest = stat.read_text(errors="replace").partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if int(parent) == os.getpid():
                found[int(stat.parent.name)] = (state, name)
    return found
