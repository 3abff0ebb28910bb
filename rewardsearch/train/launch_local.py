"""Runs jobs on worker processes of this machine, side by side, one accelerator each where there are any."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.disk import full_disk, scratch_root
from rewardsearch.run.progress import Unit

COMMAND = (sys.executable, "-P", "-m", "rewardsearch.train.worker")
"""Starts a worker; the run's folder is added. -P: files in the current folder are no modules."""

_PAUSE_S = 0.5
"""Between two attempts to start a process."""
Message = dict[str, Any]
"""What a worker is told to do: `id` names it, the rest is for train/jobs.py."""


@dataclass
class Done:
    """A message carried out (`error` None), or given up because its process broke down again and again."""

    id: str
    error: str | None = None


@dataclass
class _Slot:
    number: int
    process: subprocess.Popen[bytes]
    buffer: bytes = b""
    message: Message | None = None
    log: Path = field(default_factory=Path)
    heard: float = field(default_factory=time.monotonic)

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


class LocalWorkers:
    """Up to `slots` worker processes on the run in `run`, started when there is work and kept warm until close()."""

    def __init__(
        self, run: Path, slots: int, threads: int, retries: int, stall_s: float, hidden: Sequence[str] = ()
    ) -> None:
        self._run, self._threads, self._retries, self._stall_s, self._hidden = run, threads, retries, stall_s, hidden
        self._free_numbers = list(range(slots))
        self._slots: list[_Slot] = []
        self._selector = selectors.DefaultSelector()
        self._proven = False
        """Whether a message of this session was carried out."""

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        messages: Sequence[Message],
        may_start: Callable[[], bool],
        on_step: Callable[[str, int, int, Unit], None],
    ) -> Iterator[Done]:
        """Carries out `messages` and yields each as it ends, in whatever order.

        may_start is asked before each start; once it says no, what is running is finished and the rest is left.
        Raises UserError when a worker finds the config wrong, and MachineError or UserError where a disk keeps it from working.
        """
        pending = deque(messages)
        deaths: Counter[str] = Counter()

        def broken(message: Message, why: str, log: Path) -> Iterator[Done]:
            if full := full_disk(self._run, scratch_root()):
                raise full
            id = message["id"]
            deaths[id] += 1
            if deaths[id] > self._retries:
                yield Done(id, f"{why} {deaths[id]} times; see {log}")
            else:
                pending.appendleft(message)

        while True:
            while pending and self._has_room() and may_start():
                first = pending.popleft()
                try:
                    self._start(self._idle(), first)
                except OSError as error:
                    # The machine may be short of memory or processes for a moment.
                    time.sleep(_PAUSE_S)
                    yield from broken(first, f"no process could be started ({error})", self._run / "logs")
            busy = [slot for slot in self._slots if slot.message]
            if not busy:
                return
            for slot, said in self._listen():
                message = slot.message
                if message is None:
                    continue
                if said["event"] == "user_error" and self._proven:
                    # What was right for an earlier message of this session is not the user's mistake.
                    said = {"event": "broken", "reason": "; ".join(said["mistakes"])}
                if said["event"] == "broken":
                    self._drop(slot)
                    yield from broken(message, said["reason"], slot.log)
                elif said["event"] == "user_error":
                    raise UserError(*said["mistakes"])
                elif said["event"] == "storage":
                    raise (UserError if said["exit_code"] == UserError.exit_code else MachineError)(said["message"])
                elif said["event"] == "step":
                    on_step(said["id"], said["step"], said["of"], said["unit"])
                else:
                    slot.message, self._proven = None, True
                    yield Done(said["id"])

    def close(self) -> None:
        for slot in list(self._slots):
            self._drop(slot)
        self._selector.close()

    def _has_room(self) -> bool:
        return bool(self._free_numbers) or any(slot.message is None for slot in self._slots)

    def _idle(self) -> _Slot:
        """A worker with nothing to do; there must be room."""
        idle = next((slot for slot in self._slots if slot.message is None), None)
        return idle or self._spawn(self._free_numbers[0])

    def _spawn(self, number: int) -> _Slot:
        log = self._run / "logs" / f"worker-{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [*COMMAND, str(self._run)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(os.environ, number, self._threads, self._hidden),
                # Ctrl-C goes to the search alone, which ends its workers itself.
                start_new_session=True,
            )
        self._free_numbers.remove(number)
        slot = _Slot(number, process, log=log)
        self._slots.append(slot)
        self._selector.register(slot.out, selectors.EVENT_READ, slot)
        return slot

    def _start(self, slot: _Slot, message: Message) -> None:
        slot.message, slot.heard = message, time.monotonic()
        assert slot.process.stdin is not None
        try:
            slot.process.stdin.write(json.dumps(message).encode() + b"\n")
            slot.process.stdin.flush()
        except BrokenPipeError:
            pass  # It died while idle: its end of file is read next and the message is tried again.

    def _listen(self) -> Iterator[tuple[_Slot, Message]]:
        """What the workers said since; "broken" for one that is gone or has been silent for too long."""
        for key, _ in self._selector.select(timeout=1.0):
            slot: _Slot = key.data
            chunk = os.read(slot.out.fileno(), 65536)
            slot.heard = time.monotonic()
            if not chunk:
                yield slot, {"event": "broken", "reason": "its process died"}
                self._drop(slot)
                continue
            *lines, slot.buffer = (slot.buffer + chunk).split(b"\n")
            for line in lines:
                yield slot, json.loads(line)
        for slot in list(self._slots):
            if slot.message is not None and time.monotonic() - slot.heard > self._stall_s:
                yield slot, {"event": "broken", "reason": f"its process said nothing for {self._stall_s:g} s"}

    def _drop(self, slot: _Slot) -> None:
        """Ends a worker and frees its place; a dead one is reaped."""
        if slot not in self._slots:
            return
        self._slots.remove(slot)
        self._selector.unregister(slot.out)
        slot.process.kill()
        slot.process.wait()
        slot.out.close()
        if slot.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                slot.process.stdin.close()
        self._free_numbers.append(slot.number)
        self._free_numbers.sort()


def worker_environment(
    environment: Mapping[str, str], number: int, threads: int, hidden: Sequence[str]
) -> dict[str, str]:
    """The environment of worker `number`: without the variables in `hidden`, one accelerator, `threads` threads."""
    out = {key: value for key, value in environment.items() if key not in hidden}
    out.update(
        OMP_NUM_THREADS=str(threads),
        MKL_NUM_THREADS=str(threads),
        TOKENIZERS_PARALLELISM="false",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TQDM_DISABLE="1",
    )
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    devices = (
        visible.split(",") if visible is not None else [str(n) for n, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
    )
    if any(devices):
        out["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return out
