"""A Python file whose functions run in a process of their own.

That covers hangs and crashes alone: the file can do there whatever the user can.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rewardsearch.errors import MachineError

START_S = 300.0
"""Seconds of wall clock that a file has for its imports and `start`, and a call of `rows`."""
CALL_S = 20.0
"""Seconds of wall clock that any other call has."""
_KEYS = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
"""The names of environment variables that may hold a key."""


class CallFault(Exception):
    """A call returned nothing. reason: the rest of the sentence `FUNCTION ...`. lost: its process hung or ended, twice: the
    machine may be the cause. start: it is the import that failed; the reason is then the rest of the sentence `the file ...`."""

    def __init__(self, reason: str, *, lost: bool = False, start: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.lost, self.start = reason, lost, start


class _Lost(Exception):
    """The process hung or ended."""


class Served:
    """The process of a file. It stays until `close`, or the end of this process.

    argument: with one, `start` of the file is called with it after the import; what it returns is the value of `started`. keys:
    whether the process has the environment variables that may hold keys. hidden: variables that it has in no case. quiet: whether
    what it writes to standard error is dropped.

    A call that hangs (for `call_s` seconds) or ends the process is repeated once in a new one, unless `repeat` is False.
    """

    def __init__(
        self,
        file: Path,
        argument: Any = None,
        *,
        keys: bool = True,
        hidden: Collection[str] = (),
        quiet: bool = False,
        repeat: bool = True,
        call_s: float = CALL_S,
        start_s: float = START_S,
    ) -> None:
        self.file, self._call_s, self._start_s = file, call_s, start_s
        self._keys, self._hidden, self._quiet, self._repeat = keys, frozenset(hidden), quiet, repeat
        self._arguments = [] if argument is None else [json.dumps(argument)]
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._started: Any = None
        self._lock = threading.Lock()
        self.used_s = 0.0
        """CPU seconds of all calls so far."""

    def started(self) -> Any:
        """What `start` returned. Raises CallFault."""
        with self._lock:
            if self._process is None:
                self._start()
            return self._started

    def call(self, name: str, *args: Any, columns: Mapping[str, str] | None = None) -> Any:
        """What a function of the file returns, as JSON has it. Calls of several threads wait for each other. Raises CallFault."""
        request = json.dumps({"call": name, "args": args, "columns": dict(columns or {})}, default=str).encode() + b"\n"
        seconds = self._start_s if name == "rows" else self._call_s
        with self._lock:
            for again in (self._repeat, False):
                try:
                    return self._exchange(request, seconds)
                except _Lost as lost:
                    self.close()
                    if not again:
                        raise CallFault(f"{lost}, twice" if self._repeat else str(lost), lost=True) from None
        raise AssertionError

    def _exchange(self, request: bytes, seconds: float) -> Any:
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            return self._answer(seconds)
        except BrokenPipeError:
            raise _Lost(f"ended its process{self._status()}") from None
        except KeyboardInterrupt:
            # The answer would be taken for that of the next call.
            self.close()
            raise

    def _start(self) -> None:
        child = Path(__file__).with_name("child.py")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in self._hidden and (self._keys or not _KEYS.search(name))
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(child), str(self.file), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if self._quiet else None,
                env=environment | {"PYTHONHASHSEED": "0"},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"the process of {self.file.name} cannot be started: {error}") from None
        self._end = weakref.finalize(self, _end, self._process)
        try:
            self._started = self._answer(self._start_s)
        except CallFault as fault:
            self.close()
            raise CallFault(fault.reason, start=True) from None
        except _Lost as lost:
            self.close()
            raise CallFault(f"{lost} while it was imported", start=True, lost=True) from None

    def _answer(self, seconds: float) -> Any:
        """The value in the next line of the process. Raises CallFault, and _Lost where none comes."""
        assert self._process is not None and self._process.stdout is not None
        stream, end = self._process.stdout.fileno(), time.monotonic() + seconds
        parts = [b""]
        while not parts[-1].endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise _Lost(f"did not return within {seconds:g} s")
            parts.append(os.read(stream, 1 << 20))
            if not parts[-1]:
                raise _Lost(f"ended its process{self._status()}")
        found = json.loads(b"".join(parts))
        self.used_s += found["cpu_s"]
        if "fault" in found:
            raise CallFault(found["fault"])
        return found["value"]

    def _status(self) -> str:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout=5.0)
            return f" by signal {-status}" if status < 0 else f" with status {status}"
        return ""

    def kill(self) -> None:
        """Ends the process, also while another thread waits for a call, which then fails."""
        if (process := self._process) is not None:
            _kill(process)

    def close(self) -> None:
        """Ends the process; the next call starts another."""
        self._process = None
        if self._end is not None:
            self._end()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with all that it started."""
    _kill(process)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
