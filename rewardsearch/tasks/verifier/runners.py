"""Where `verify` runs: in the sandbox of rewards, or, for a file that the user trusts, in a process of its own.

The sandbox covers files from others: static policy, limits, kernel layers. The process of a trusted file covers hangs and
crashes alone: the file can do there whatever the user can.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, Sandbox

START_S = 300.0
"""Seconds of wall clock that a trusted file has for its imports, and `rows` for a split."""
CALL_S = 20.0
"""Seconds of wall clock that any other call of a trusted file has."""
CPU_S = 1.0
"""CPU seconds that `verify` has for a completion in the sandbox."""
_BATCH = 16
_CODES = {1.0: True, 0.0: False, -1.0: None}
REWARD = """

def reward(prompts, completions, answer, **columns):
    codes = []
    for place, completion in enumerate(completions):
        more = {name: columns[name][place] for name in columns}
        found = verify(completion, answer[place], **more)
        codes.append(1.0 if found is True else 0.0 if found is False else -1.0 if found is None else 2.0)
    return codes
"""
"""What makes a reward of an untrusted file, so that the sandbox runs it like any other."""


class Asked(NamedTuple):
    """What `verify` is called with."""

    completion: str
    answer: str
    columns: Mapping[str, str]


class VerifierFault(Exception):
    """`verify` gave no verdict. reason: the rest of the sentence `verify ...`. place: of the completion among those asked.
    lost: its process hung or ended, twice: the machine may be the cause."""

    def __init__(self, reason: str, place: int = 0, lost: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.place, self.lost = reason, place, lost


class SandboxedVerifier:
    """Runs the code of an untrusted file."""

    def __init__(self, code: str) -> None:
        self._code = code + REWARD
        self._sandbox = Sandbox(SandboxConfig(), bound=2.0)
        weakref.finalize(self, self._sandbox.close)

    @property
    def used_s(self) -> float:
        """CPU seconds of all calls so far."""
        return self._sandbox.used_s

    def verdicts(self, asked: Sequence[Asked]) -> list[bool | None]:
        """True, False, or None for no answer, of each. Raises VerifierFault for the first that has no verdict."""
        found: list[bool | None] = []
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            try:
                found += self._call(batch)
            except VerifierFault:
                # One by one, to find which it is.
                for place, each in enumerate(batch, start=start):
                    try:
                        found += self._call([each])
                    except VerifierFault as fault:
                        raise VerifierFault(fault.reason, place) from None
        return found

    def _call(self, batch: Sequence[Asked]) -> list[bool | None]:
        lists = Batch(
            prompts=("",) * len(batch),
            completions=tuple(each.completion for each in batch),
            answer=tuple(each.answer for each in batch),
            columns={name: tuple(each.columns[name] for each in batch) for name in batch[0].columns},
        )
        try:
            rewards = self._sandbox.call(self._code, lists, limit_s=CPU_S * len(batch)).rewards
        except RewardFault as fault:
            raise VerifierFault(fault.reason) from None
        if any(code not in _CODES for code in rewards):
            raise VerifierFault("returned something else than True, False or None")
        return [_CODES[code] for code in rewards]


class _Lost(Exception):
    """The process hung or ended."""


class TrustedVerifier:
    """Imports a file in a process of its own, which stays until `close` or the end of this process.

    A call that hangs (for `call_s` seconds) or ends the process is repeated once in a new one.
    """

    def __init__(self, file: Path, call_s: float = CALL_S) -> None:
        self._file, self._call_s = file, call_s
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self.used_s = 0.0
        """CPU seconds of all calls so far."""

    def verdicts(self, asked: Sequence[Asked]) -> list[bool | None]:
        """As SandboxedVerifier gives them."""
        found: list[bool | None] = []
        for place, each in enumerate(asked):
            try:
                found.append(self.call("verify", each.completion, each.answer, columns=each.columns))
            except VerifierFault as fault:
                raise VerifierFault(fault.reason, place, fault.lost) from None
        return found

    def call(self, name: str, *args: Any, columns: Mapping[str, str] | None = None) -> Any:
        """What a function of the file returns, as JSON has it. Raises VerifierFault."""
        request = json.dumps({"call": name, "args": args, "columns": dict(columns or {})}, default=str).encode() + b"\n"
        seconds = START_S if name == "rows" else self._call_s
        for last in (False, True):
            try:
                return self._exchange(request, seconds)
            except _Lost as lost:
                self.close()
                if last:
                    raise VerifierFault(f"{lost}, twice", lost=True) from None
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
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(child), str(self._file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONHASHSEED": "0"},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"the process of {self._file.name} cannot be started: {error}") from None
        self._end = weakref.finalize(self, _end, self._process)
        try:
            self._answer(START_S)
        except VerifierFault as fault:
            self.close()
            raise VerifierFault(f"cannot be called: the file {fault.reason}") from None

    def _answer(self, seconds: float) -> Any:
        """The value in the next line of the process. Raises VerifierFault, and _Lost where none comes."""
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
            raise VerifierFault(found["fault"])
        return found["value"]

    def _status(self) -> str:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout=5.0)
            return f" by signal {-status}" if status < 0 else f" with status {status}"
        return ""

    def close(self) -> None:
        """Ends the process; the next call starts another."""
        self._process = None
        if self._end is not None:
            self._end()


Runner = SandboxedVerifier | TrustedVerifier


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
