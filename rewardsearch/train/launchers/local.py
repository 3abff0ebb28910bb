"""Runs jobs in worker processes of this machine, side by side, one accelerator each where there are any."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.disk import full_disk, scratch_root
from rewardsearch.run.devices import slots_of, visible_devices
from rewardsearch.train.launcher import JOBS, Done, Job, MayContinue, MayStart, OnStep, TrainArm

COMMAND = (sys.executable, "-P", "-m", "rewardsearch.train.worker")
"""Starts a worker; the run's folder is added. -P: files in the current folder are no modules."""
_PAUSE_S = 0.5
"""Between two attempts to start a process."""
Broken = Callable[[Sequence[Job], str, Path, bool], Iterator[Done]]
"""Given jobs that a process did not carry out, the reason, its log, and whether it was given several together."""


@dataclass
class _Slot:
    number: int
    process: subprocess.Popen[bytes]
    buffer: bytes = b""
    jobs: dict[str, Job] = field(default_factory=dict)
    """What it is working on, by id."""
    together: bool = False
    """Whether it was given several of them."""
    broken: bool = False
    """Whether something broke in the process: it is replaced when its jobs have ended."""
    pausing: bool = False
    spoke: bool = False
    """Whether it has said anything of its jobs: until then it has nothing to save."""
    log: Path = field(default_factory=Path)
    heard: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, message: bytes) -> None:
        assert self.process.stdin is not None
        # It may have died: its end of file is read next.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(message + b"\n")
            self.process.stdin.flush()


class LocalLauncher:
    """Up to `train.slots` worker processes on the run in the folder `run`, started when there is work and kept until close().

    They do not see the environment variables of API keys. command: starts a worker; the run folder is added.
    """

    def __init__(self, run: Path, config: Config, command: Sequence[str] = COMMAND) -> None:
        settings = config.train
        self._run, self._command = run, command
        self._threads, self._retries, self._arms = settings.threads, settings.retries, settings.arms
        self._stall_s = settings.stall_minutes * 60
        self._hidden = config.propose.llm.key_variables
        slots = slots_of(config)
        self._free_numbers = list(range(slots))
        self._slots: list[_Slot] = []
        self._selector = selectors.DefaultSelector()
        devices = visible_devices() if config.policy.device != "cpu" else ()
        self._devices_each = min(1.0, len(devices) / slots)
        self._held_s = 0.0
        """Device seconds of processes that have ended."""
        self._proven = False
        """Whether a job of this session was carried out."""

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        """Carries out `jobs` and yields each as it ends. A job whose process died or went silent is started again
        `train.retries` times. What was given to a process together with others is then tried alone, and that first end does
        not count.

        Raises UserError when a worker finds the config wrong, and MachineError or UserError where a disk keeps it from working.
        """
        pending = deque(jobs)
        deaths: Counter[str] = Counter()
        alone: set[str] = set()
        pausing = False

        def broken(jobs: Sequence[Job], why: str, log: Path, together: bool) -> Iterator[Done]:
            if full := full_disk(self._run, scratch_root()):
                raise full
            alone.update(job.id for job in jobs)
            for job in reversed(jobs):
                deaths[job.id] += not together
                if deaths[job.id] > self._retries:
                    yield Done(job.id, f"{why} {deaths[job.id]} times; see {log}")
                else:
                    pending.appendleft(job)

        while True:
            pausing = pausing or not may_continue()
            while pending and self._has_room() and not pausing and may_start():
                group = self._next_group(pending, alone)
                try:
                    self._start(self._idle(), group)
                except OSError as error:
                    # The machine may be short of memory or processes for a moment.
                    time.sleep(_PAUSE_S)
                    why = f"no process could be started ({error})"
                    yield from broken(group, why, self._run / "logs", len(group) > 1)
            busy = [slot for slot in self._slots if slot.jobs]
            if not busy:
                return
            for slot in busy if pausing else ():
                yield from self._pause(slot)
            for slot, event in self._listen():
                if event["event"] == "gone":
                    if slot.jobs:
                        yield from broken(list(slot.jobs.values()), event["reason"], slot.log, slot.together)
                elif event["event"] == "step":
                    on_step(event["id"], event["step"], event["of"], event["unit"])
                elif event["event"] == "storage":
                    raise (UserError if event["exit_code"] == UserError.exit_code else MachineError)(event["message"])
                elif event["event"] == "user_error" and not self._proven:
                    raise UserError(*event["mistakes"])
                else:
                    yield from self._ended(slot, event, broken)

    def _pause(self, slot: _Slot) -> Iterator[Done]:
        """Asks a worker, once, to pause its training jobs. One that is still loading is ended."""
        jobs = list(slot.jobs.values())
        if not slot.spoke and all(isinstance(job, TrainArm) for job in jobs):
            self._drop(slot)
            yield from (Done(job.id, paused=True) for job in jobs)
        elif not slot.pausing:
            slot.pausing = True
            slot.send(b'{"pause": true}')

    def _next_group(self, pending: deque[Job], alone: Container[str]) -> list[Job]:
        """Takes what one process is given next: training jobs, spread over the free slots, or one other job."""
        trainings = [job for job in pending if isinstance(job, TrainArm) and job.training.steps and job.id not in alone]
        if pending[0] not in trainings:
            return [pending.popleft()]
        free = len(self._free_numbers) + sum(not slot.jobs for slot in self._slots)
        group: list[Job] = [*trainings[: min(self._arms, math.ceil(len(trainings) / free))]]
        for job in group:
            pending.remove(job)
        return group

    def _ended(self, slot: _Slot, event: dict[str, Any], broken: Broken) -> Iterator[Done]:
        """What the end of one job of a slot gives."""
        job = slot.jobs.pop(event["id"])
        if event["event"] in ("done", "paused"):
            self._proven = True
            yield Done(job.id, paused=event["event"] == "paused")
        else:
            # The config was right for an earlier job of this session, so a user_error is no mistake of the user either.
            slot.broken = True
            why = event.get("reason") or "; ".join(event["mistakes"])
            yield from broken([job], why, slot.log, slot.together)
        if slot.broken and not slot.jobs:
            self._drop(slot)

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are."""
        return [slot.process.pid for slot in self._slots]

    @property
    def device_seconds(self) -> float:
        now = time.monotonic()
        return self._held_s + self._devices_each * sum(now - slot.began for slot in self._slots)

    def close(self) -> None:
        for slot in list(self._slots):
            self._drop(slot)
        self._selector.close()

    def _has_room(self) -> bool:
        return bool(self._free_numbers) or any(not slot.jobs for slot in self._slots)

    def _idle(self) -> _Slot:
        """A worker without a job; there must be room."""
        idle = next((slot for slot in self._slots if not slot.jobs), None)
        return idle or self._spawn(self._free_numbers[0])

    def _spawn(self, number: int) -> _Slot:
        log = self._run / "logs" / f"worker-{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [*self._command, str(self._run)],
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

    def _start(self, slot: _Slot, jobs: Sequence[Job]) -> None:
        slot.jobs, slot.heard = {job.id: job for job in jobs}, time.monotonic()
        slot.together, slot.pausing, slot.spoke = len(jobs) > 1, False, False
        slot.send(JOBS.dump_json(list(jobs)))

    def _listen(self) -> Iterator[tuple[_Slot, dict[str, Any]]]:
        """The events of the workers since the last call; "gone" for one that died or has been silent for too long, and was
        dropped."""
        for key, _ in self._selector.select(timeout=1.0):
            slot: _Slot = key.data
            chunk = os.read(slot.out.fileno(), 65536)
            slot.heard = time.monotonic()
            if not chunk:
                self._drop(slot)
                yield slot, {"event": "gone", "reason": "its process died"}
                continue
            *lines, slot.buffer = (slot.buffer + chunk).split(b"\n")
            for line in lines:
                slot.spoke = True
                yield slot, json.loads(line)
        for slot in list(self._slots):
            if slot.jobs and time.monotonic() - slot.heard > self._stall_s:
                self._drop(slot)
                yield slot, {"event": "gone", "reason": f"its process said nothing for {self._stall_s:g} s"}

    def _drop(self, slot: _Slot) -> None:
        """Ends a worker and frees its slot; a dead one is reaped."""
        if slot not in self._slots:
            return
        self._held_s += self._devices_each * (time.monotonic() - slot.began)
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
    if devices := visible_devices(environment):
        out["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return out
