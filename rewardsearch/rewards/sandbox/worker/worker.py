"""The worker: a process that imports the allowed modules once, locks itself down, and forks a child for every call.

Run as a file by process.py with `-s -S -P -B` and an empty environment; the package's own `__init__` files, which pull
heavy libraries, are not run. The candidate's code is only ever run in the forked child, which starts from the same
state at every call, holds no descriptor, and leaves its answer in memory shared with the worker. So a call cannot
read the requests, forge another call's answer, or remember an earlier one.
"""

from __future__ import annotations

import sys
import types

if __name__ == "__main__":
    # Stand-ins for the packages above this file. No other module of the package can be imported here.
    _sandbox = __file__.rsplit("/", 2)[0]
    for _name, _folders in (
        ("rewardsearch", []),
        ("rewardsearch.rewards", []),
        ("rewardsearch.rewards.sandbox", []),
        ("rewardsearch.rewards.sandbox.kernel", [f"{_sandbox}/kernel"]),
        ("rewardsearch.rewards.sandbox.worker", [f"{_sandbox}/worker"]),
    ):
        _package = types.ModuleType(_name)
        _package.__path__ = _folders
        sys.modules[_name] = _package

import codecs
import gc
import json
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from rewardsearch.rewards.sandbox.kernel import lockdown
from rewardsearch.rewards.sandbox.worker import child, protocol
from rewardsearch.rewards.sandbox.worker.protocol import Call

_EXIT_MEMORY = 77
_CHECK_S, _CHECK_WALL_S = 5.0, 50.0
_ASLEEP = 0.05
"""A child sleeps if it uses less than this share of the CPU time that a process of this machine gets just now."""
_SPIN_S, _SPIN_WALL_S = 0.05, 1.0
"""CPU seconds, and at most wall-clock seconds, for which that share is measured."""
_CODECS = (
    "ascii latin-1 utf-8-sig utf-16 utf-32 utf-7 cp1252 cp437 idna punycode rot13 hex unicode_escape raw_unicode_escape "
    "base64"
)
"""Encodings that a reward may ask for by name: Python loads each at its first use, and nothing is loaded once locked."""
_ANSWERS = (protocol.RESULT, protocol.RAISED, protocol.CONTRACT, protocol.MEMORY)


def main() -> None:
    """Serves frames from descriptor 0 on descriptor 1 until the parent closes its end."""
    kind, body = _read_frame()
    if kind != protocol.INIT:
        raise SystemExit(2)
    settings: dict[str, Any] = json.loads(body)
    facades = child.make_facades(settings["modules"])
    for name in _CODECS.split():
        codecs.lookup(name)
    memory = settings["memory_mb"] * 2**20
    space = lockdown.address_space() + memory
    zygote = Zygote(facades, settings["builtins"], space)
    if settings["self_check"]:
        # Nothing can be imported after the locks; other workers do without the tools that the attempts need.
        from rewardsearch.rewards.sandbox.kernel.breaches import Target, attempt_all

        target = Target(settings["parent"], memory)
        zygote.self_check = lambda results: attempt_all(target, results)
    zygote.layers = lockdown.lock_worker(settings["layers"])
    # Compiling a candidate's file can take memory too. A request is held a few times over while it is read.
    lockdown.limit_space(space + 4 * protocol.MAX_REQUEST)
    gc.collect()
    gc.freeze()
    _write(protocol.frame(protocol.HELLO, json.dumps(zygote.layers).encode()))
    zygote.serve()


class Ended(NamedTuple):
    """How a child ended: its wait status and CPU seconds; `killed`: why the worker ended it (TIMEOUT, ASLEEP or STARVED)."""

    status: int
    used_s: float
    killed: bytes = b""


class Zygote:
    """Forks a child for every call, waits for it no longer than its limits, and passes its answer on."""

    def __init__(self, facades: Mapping[str, child.Facade], builtins: Sequence[str], space: int) -> None:
        self._facades, self._builtins, self._space = facades, builtins, space
        self.layers: Sequence[str] = ()
        self.self_check: Callable[[mmap.mmap], None] | None = None
        self._codes: dict[int, types.CodeType | BaseException] = {}
        # A child's end wakes the poll through this pipe, so that one wait watches child, parent and clock.
        self._awake, wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._awake, select.POLLIN)

    def serve(self) -> NoReturn:
        while True:
            kind, body = _read_frame()
            if kind == protocol.LOAD:
                self._load(body)
            elif kind == protocol.CALL:
                answered, used_s, answer = self._answer(Call.unpack(body))
                _write(protocol.frame(answered, protocol.with_used(used_s, answer)))
            elif kind == protocol.CHECK and self.self_check is not None:
                _write(self._checked(self.self_check))
            else:
                raise SystemExit(2)

    def _load(self, body: bytes) -> None:
        key = int.from_bytes(body[:4], "little")
        while len(self._codes) >= protocol.MAX_CODES:
            del self._codes[next(iter(self._codes))]
        try:
            source = body[4:].decode("utf-8", "surrogatepass")
            self._codes[key] = compile(source, child.FILENAME, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._codes[key] = error

    def _answer(self, call: Call) -> tuple[bytes, float, bytes]:
        """The kind of the answer, the CPU seconds that the call used, and what it gave."""
        code = self._codes[call.key]
        if isinstance(code, MemoryError):
            return protocol.MEMORY, 0.0, b""
        if not isinstance(code, types.CodeType):
            return protocol.RAISED, 0.0, child.raised(code).pack()
        size = protocol.max_answer(len(call.arguments["completions"]))
        with mmap.mmap(-1, size) as shared:

            def answer() -> int:
                packed = child.run(code, call, self._builtins, self._facades)
                if len(packed) > size - 4:
                    return 1
                shared[4 : 4 + len(packed)] = packed
                shared[:4] = len(packed).to_bytes(4, "little")
                return 0

            status, used_s, killed = self._fork(answer, call.cpu_s, call.wall_s)
            if killed:
                return killed, used_s, b""
            if os.WIFSIGNALED(status):
                number = os.WTERMSIG(status)
                kind = protocol.TIMEOUT if number == signal.SIGXCPU else protocol.DIED
                return kind, used_s, protocol.pack_unsigned(number)
            if os.WEXITSTATUS(status) == _EXIT_MEMORY:
                return protocol.MEMORY, used_s, b""
            length, head = int.from_bytes(shared[:4], "little"), 4 + protocol.HEADER.size
            if os.WEXITSTATUS(status) != 0 or not protocol.HEADER.size <= length <= size - 4:
                return protocol.DIED, used_s, protocol.pack_unsigned(0)
            length_given, kind = protocol.HEADER.unpack(shared[4:head])
            # One frame and no more: what followed it would be read as the answer to a later call.
            if length_given != length - protocol.HEADER.size or kind not in _ANSWERS:
                return protocol.DIED, used_s, protocol.pack_unsigned(0)
            return kind, used_s, shared[head : 4 + length]

    def _checked(self, attempt: Callable[[mmap.mmap], None]) -> bytes:
        """The results of the breaches, as far as the child that attempted them came."""
        with mmap.mmap(-1, mmap.PAGESIZE) as results:

            def run() -> int:
                attempt(results)
                return 0

            self._fork(run, _CHECK_S, _CHECK_WALL_S)
            return protocol.frame(protocol.CHECKED, results[:])

    def _fork(self, run: Callable[[], int], cpu_s: float, wall_s: float) -> Ended:
        """Runs `run` in a locked-down child, whose exit status it gives."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                lockdown.lock_child(self._space, cpu_s, self.layers)
                status = run()
            except MemoryError:
                status = _EXIT_MEMORY
            finally:
                os._exit(status)
        return self._wait(pid, cpu_s, wall_s)

    def _wait(self, pid: int, cpu_s: float, wall_s: float) -> Ended:
        """Waits for the child, and kills it when it has used `cpu_s`, when it sleeps, or after `wall_s`. Leaves when the parent
        has gone."""
        started = time.monotonic()
        # A child has one thread: it cannot use up its time before.
        check = started + min(cpu_s, wall_s)
        while True:
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                return Ended(status, usage.ru_utime + usage.ru_stime)
            now = time.monotonic()
            if now >= check:
                used_s = cpu_seconds(pid)
                if why := self._over(used_s, cpu_s, now - started, wall_s):
                    os.kill(pid, signal.SIGKILL)
                    _, status, usage = os.wait4(pid, 0)
                    ended_itself = not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
                    return Ended(status, usage.ru_utime + usage.ru_stime, b"" if ended_itself else why)
                check = min(now + max(cpu_s - used_s, cpu_s / 10), started + wall_s)
            for descriptor, _ in self._poll.poll(max(0.0, check - now) * 1000 + 1):
                if descriptor == 0:
                    os.kill(pid, signal.SIGKILL)
                    raise SystemExit(0)
                os.read(self._awake, 4096)

    def _over(self, used_s: float, cpu_s: float, waited_s: float, wall_s: float) -> bytes:
        """Why a child that used `used_s` in `waited_s` has to be ended; empty if it may go on."""
        if used_s >= cpu_s:
            return protocol.TIMEOUT
        if used_s < _ASLEEP * waited_s and used_s < _ASLEEP * cpu_share() * waited_s:
            return protocol.ASLEEP
        return protocol.STARVED if waited_s >= wall_s else b""


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used, by the kernel; 0 where the system does not say (outside Linux), so that the call's
    limit is wall clock there."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)
    except OSError:
        return 0.0


def cpu_share() -> float:
    """The share of a core that a process that never waits gets on this machine just now: measured by being one."""
    wall, used = time.monotonic(), time.process_time()
    while (spun := time.process_time() - used) < _SPIN_S and time.monotonic() - wall < _SPIN_WALL_S:
        pass
    return spun / (time.monotonic() - wall)


def _read_frame() -> tuple[bytes, bytes]:
    size, kind = protocol.HEADER.unpack(_read(protocol.HEADER.size))
    if size > protocol.MAX_REQUEST:
        raise SystemExit(2)
    return kind, _read(size)


def _read(size: int) -> bytes:
    parts = []
    while size:
        part = os.read(0, min(size, 2**20))
        if not part:
            raise SystemExit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
