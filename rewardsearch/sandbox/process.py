"""One live worker process as the parent sees it: start, exchange a frame within a deadline, end with all it started."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardsearch.errors import MachineError
from rewardsearch.sandbox import protocol

_START_S = 60.0
_WORKER = Path(__file__).with_name("worker.py")


class WorkerLost(Exception):
    """The worker did not answer in time (`timed_out`), or it ended or said something that no worker says."""

    def __init__(self, what: str, *, timed_out: bool = False) -> None:
        super().__init__(what)
        self.timed_out = timed_out


class WorkerProcess:
    """A started and locked-down worker. Raises MachineError when it cannot be started: that is no candidate's fault."""

    def __init__(self, settings: Mapping[str, Any], hash_seed: int) -> None:
        # The worker's folder is empty and soon gone: there is nothing to read in it, and nothing can be put there.
        folder = tempfile.mkdtemp(prefix="rewardsearch-")
        try:
            self._process = subprocess.Popen(
                [os.path.realpath(sys.executable), "-s", "-S", "-P", "-B", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={"PYTHONHASHSEED": str(hash_seed), "LC_ALL": "C.UTF-8"},
                bufsize=0,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            Path(folder).rmdir()
            raise MachineError(f"the sandbox's worker cannot be started: {error}") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        try:
            self.send(protocol.INIT, json.dumps(dict(settings)).encode(), time.monotonic() + _START_S)
            kind, body = self.receive(time.monotonic() + _START_S, limit=2**16)
            if kind != protocol.HELLO:
                raise WorkerLost("its first frame is not a greeting")
        except WorkerLost as lost:
            self.kill()
            raise MachineError(
                f"the sandbox's worker did not start: {lost}; see `{sys.executable} -s -S -P -B {_WORKER}`"
            ) from None
        finally:
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        self.pid = self._process.pid
        """Also the number of its session and process group."""
        self.layers: tuple[str, ...] = tuple(json.loads(body))
        """The kernel layers in force."""

    def send(self, kind: bytes, body: bytes, deadline: float) -> None:
        """Writes a frame by `deadline` (time.monotonic). Raises WorkerLost."""
        view = memoryview(protocol.frame(kind, body))
        while view:
            self._await(self._in, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                continue
            except OSError:
                raise WorkerLost("it ended") from None

    def receive(self, deadline: float, limit: int) -> tuple[bytes, bytes]:
        """Kind and body of the next frame, of at most `limit` bytes, by `deadline`. Raises WorkerLost."""
        size, kind = protocol.HEADER.unpack(self._read(protocol.HEADER.size, deadline))
        if size > limit:
            raise WorkerLost("its answer is too large")
        return kind, self._read(size, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        parts = []
        while size:
            self._await(self._out, select.POLLIN, deadline)
            try:
                part = os.read(self._out, min(size, 2**20))
            except BlockingIOError:
                continue
            except OSError:
                raise WorkerLost("it ended") from None
            if not part:
                raise WorkerLost("it ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _await(self, descriptor: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000 + 1):
            raise WorkerLost("it did not answer in time", timed_out=True)

    def kill(self) -> None:
        """Ends the worker and everything in its session's process group, and waits for it."""
        # A worker that gave up its identity may be out of reach of a parent without CAP_KILL: it ends at its closed
        # input.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
