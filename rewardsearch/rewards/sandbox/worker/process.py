"""One live worker process as the parent sees it: start, exchange a frame within a deadline, end with all it started."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError
from rewardsearch.files import scratch_prefix
from rewardsearch.rewards.sandbox.kernel.bubblewrap import wrapped
from rewardsearch.rewards.sandbox.static.allowed import MODULES, WORKER_BUILTINS
from rewardsearch.rewards.sandbox.worker import protocol

_START_S = 60.0
_PIPE_BYTES = 2**20
_WORKER = Path(__file__).with_name("worker.py")
_READ_BY_WORKER = (_WORKER.parent, _WORKER.parents[1] / "kernel")
"""The folders whose modules the worker imports."""


class WorkerLost(Exception):
    """The worker did not answer in time (`timed_out`), or it ended or said something that no worker says."""

    def __init__(self, what: str, *, timed_out: bool = False) -> None:
        super().__init__(what)
        self.timed_out = timed_out


class WorkerProcess:
    """A started and locked-down worker. Raises MachineError when it cannot be started: that is no candidate's fault."""

    def __init__(
        self, config: SandboxConfig, hash_seed: int, layers: Sequence[str], *, self_check: bool = False
    ) -> None:
        command = [os.path.realpath(sys.executable), "-s", "-S", "-P", "-B", str(_WORKER)]
        if config.bubblewrap:
            command = wrapped(command, _READ_BY_WORKER)
        with tempfile.TemporaryFile() as errors:
            self._process = _start(command, hash_seed, errors)
            assert self._process.stdin is not None and self._process.stdout is not None
            self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
            try:
                os.set_blocking(self._in, False)
                os.set_blocking(self._out, False)
                with contextlib.suppress(AttributeError, OSError):
                    # Linux: a batch of ordinary size goes in one write, without waiting for the other end.
                    fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                in_force = self._greeted(config, layers, self_check)
            except BaseException as error:
                self.kill()
                if not isinstance(error, WorkerLost | ValueError | RecursionError):
                    raise
                raise MachineError(
                    f"the sandbox's worker did not start: {error}{_last_line(errors)}; its command is `{shlex.join(command)}`"
                ) from None
        self.pid = self._process.pid
        """Also the number of its session and process group."""
        self.layers: tuple[str, ...] = (*in_force, *(["bubblewrap"] if config.bubblewrap else []))
        """The layers in force."""

    def _greeted(self, config: SandboxConfig, layers: Sequence[str], self_check: bool) -> list[str]:
        """Those of `layers` that the worker says it has applied. Raises WorkerLost, ValueError or RecursionError."""
        settings = {
            "modules": {name: sorted(members) for name, members in MODULES.items()},
            "builtins": sorted(WORKER_BUILTINS),
            "memory_mb": config.memory_mb,
            "layers": list(layers),
            "self_check": self_check,
            "parent": os.getpid(),
        }
        greeting = json.loads(self.exchange(protocol.INIT, json.dumps(settings).encode(), _START_S, protocol.HELLO))
        if not isinstance(greeting, list):
            raise WorkerLost("its greeting is no list of layers")
        return [name for name in layers if name in greeting]

    def exchange(self, kind: bytes, body: bytes, seconds: float, expected: bytes) -> bytes:
        """The body of the answer, of kind `expected`, to a frame. Raises WorkerLost."""
        deadline = time.monotonic() + seconds
        self.send(kind, body, deadline)
        answered, answer = self.receive(deadline, limit=2**16)
        if answered != expected:
            raise WorkerLost("its answer is not what was asked for")
        return answer

    def send(self, kind: bytes, body: bytes, deadline: float) -> None:
        """Writes a frame by `deadline` (time.monotonic). Raises WorkerLost, also when the worker spoke without being
        asked: its words would be taken for an answer."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if poll.poll(0):
            raise WorkerLost("it spoke without being asked, or ended")
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
        # Asked once in any case: this process may have stood still for longer than the worker.
        if not poll.poll(max(0.0, left * 1000 + 1)):
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


def _start(command: Sequence[str], hash_seed: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """A process of `command` in an empty folder that is gone once it runs: nothing can be read in it, or put there."""
    folder = tempfile.mkdtemp(prefix=scratch_prefix("sandbox"))
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={"PYTHONHASHSEED": str(hash_seed), "LC_ALL": "C.UTF-8"},
            bufsize=0,
            close_fds=True,
            start_new_session=True,
        )
    except OSError as error:
        raise MachineError(f"the sandbox's worker cannot be started: {error}") from None
    finally:
        Path(folder).rmdir()


def _last_line(errors: IO[bytes]) -> str:
    """The last line that a worker wrote to its standard error before it greeted, in brackets."""
    errors.seek(0)
    lines = errors.read(2**16).decode("utf-8", "replace").strip().splitlines()
    return f" ({lines[-1][:300]})" if lines else ""
