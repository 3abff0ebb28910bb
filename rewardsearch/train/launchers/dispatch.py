"""What launchers share: which worker is given which jobs, and what becomes of jobs whose worker broke down."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.disk import full_disk, scratch_root
from rewardsearch.train.launcher import JOBS, Done, Job, MayContinue, MayStart, OnStep, TrainArm

PAUSE = b'{"pause": true}\n'
"""The line of a worker's input that pauses its jobs."""
_RETRY_S = 0.5
"""Between two attempts to start a worker."""
Broken = Callable[[Sequence[Job], str, Path, bool], Iterator[Done]]
"""Given jobs that a worker did not carry out, the reason, its log, and whether it was given several together."""


@dataclass
class Slot:
    """A worker of the launcher, which carries out one group of jobs at a time."""

    number: int
    log: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    """What it is working on, by id."""
    together: bool = False
    """Whether it was given several of them."""
    broken: bool = False
    """Whether something broke in the worker: it is replaced when its jobs have ended."""
    pausing: bool = False
    spoke: bool = False
    """Whether it has said anything of its jobs: until then it has nothing to save."""
    heard: float = field(default_factory=time.monotonic)
    """When it last said something."""
    began: float = field(default_factory=time.monotonic)
    """Since when it holds its accelerator."""


AnySlot = TypeVar("AnySlot", bound=Slot)


class Dispatcher(ABC, Generic[AnySlot]):
    """Gives jobs to workers, each in a slot, on the run in the folder `run`. Workers are started when there is work, and kept
    until close()."""

    def __init__(self, run: Path, config: Config) -> None:
        settings = config.train
        self.folder, self.config = run, config
        self._retries, self._arms = settings.retries, settings.arms
        self._stall_s = settings.stall_minutes * 60
        self.slots: list[AnySlot] = []
        self._held_s = 0.0
        """Device seconds of workers that have ended."""
        self._proven = False
        """Whether a job of this session was carried out."""

    @property
    @abstractmethod
    def devices_each(self) -> float:
        """Accelerators that a worker holds."""

    @abstractmethod
    def room(self) -> int:
        """How many further workers may be started now."""

    @abstractmethod
    def spawn(self, number: int, log: Path) -> AnySlot:
        """Starts a worker, whose number no other one has. Raises OSError where that is not possible now."""

    @abstractmethod
    def send(self, slot: AnySlot, jobs: Sequence[Job]) -> None:
        """Gives a worker its jobs."""

    @abstractmethod
    def pause(self, slot: AnySlot) -> None:
        """Asks a worker to pause its jobs."""

    @abstractmethod
    def hear(self) -> Iterator[tuple[AnySlot, dict[str, Any] | None]]:
        """The events of the workers since the last call, waiting for the first a second at most; None for one that died. Results
        are in the run folder when their event is given."""

    @abstractmethod
    def end(self, slot: AnySlot) -> None:
        """Ends a worker, dead or alive, at once."""

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        """Carries out `jobs` and yields each as it ends. A job whose worker died or went silent is started again
        `train.retries` times. What was given to a worker together with others is then tried alone, and that first end does
        not count.

        Raises UserError when a worker finds the config wrong, and MachineError or UserError where a disk keeps it from working.
        """
        pending = deque(jobs)
        deaths: Counter[str] = Counter()
        alone: set[str] = set()
        pausing = False

        def broken(jobs: Sequence[Job], why: str, log: Path, together: bool) -> Iterator[Done]:
            if full := full_disk(self.folder, scratch_root()):
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
            while pending and not pausing and self._free() and may_start():
                group = self._next_group(pending, alone)
                try:
                    self._start(group)
                except OSError as error:
                    # The machine may be short of memory or processes for a moment.
                    time.sleep(_RETRY_S)
                    why = f"no process could be started ({error})"
                    yield from broken(group, why, self.folder / "logs", len(group) > 1)
            busy = [slot for slot in self.slots if slot.jobs]
            if not busy:
                return
            for slot in busy if pausing else ():
                yield from self._pause(slot)
            for slot, event in self._events():
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

    @property
    def device_seconds(self) -> float:
        """Seconds that workers have held accelerators so far, times their number; 0 on a CPU."""
        return self._held_s + sum(self._seconds(slot) for slot in self.slots)

    def _seconds(self, slot: AnySlot) -> float:
        return self.devices_each * max(0.0, time.monotonic() - slot.began)

    def close(self) -> None:
        for slot in list(self.slots):
            self._drop(slot)

    def _free(self) -> int:
        """How many workers can be given jobs now, those included that would be started for them."""
        return sum(not slot.jobs for slot in self.slots) + max(0, self.room())

    def _pause(self, slot: AnySlot) -> Iterator[Done]:
        """Asks a worker, once, to pause its training jobs. One that is still loading is ended."""
        jobs = list(slot.jobs.values())
        if not slot.spoke and all(isinstance(job, TrainArm) for job in jobs):
            self._drop(slot)
            yield from (Done(job.id, paused=True) for job in jobs)
        elif not slot.pausing:
            slot.pausing = True
            self.pause(slot)

    def _next_group(self, pending: deque[Job], alone: Container[str]) -> list[Job]:
        """Takes what one worker is given next: training jobs, spread over the free slots, or one other job."""
        trainings = [job for job in pending if isinstance(job, TrainArm) and job.training.steps and job.id not in alone]
        if pending[0] not in trainings:
            return [pending.popleft()]
        # A device that was free when the start was decided may be taken since.
        workers = max(1, self._free())
        group: list[Job] = [*trainings[: min(self._arms, math.ceil(len(trainings) / workers))]]
        for job in group:
            pending.remove(job)
        return group

    def _start(self, jobs: Sequence[Job]) -> None:
        slot = next((slot for slot in self.slots if not slot.jobs), None)
        if slot is None:
            taken = {slot.number for slot in self.slots}
            number = next(number for number in range(len(taken) + 1) if number not in taken)
            log = self.folder / "logs" / f"worker-{number}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            slot = self.spawn(number, log)
            self.slots.append(slot)
        slot.jobs, slot.heard = {job.id: job for job in jobs}, time.monotonic()
        slot.together, slot.pausing, slot.spoke = len(jobs) > 1, False, False
        self.send(slot, jobs)

    def _events(self) -> Iterator[tuple[AnySlot, dict[str, Any]]]:
        """The events of the workers since the last call; "gone" for one that died or has been silent for too long, and was
        dropped."""
        for slot, event in self.hear():
            slot.heard = time.monotonic()
            slot.spoke = True
            if event is None:
                self._drop(slot)
            yield slot, event or {"event": "gone", "reason": "its process died"}
        for slot in list(self.slots):
            if slot.jobs and time.monotonic() - slot.heard > self._stall_s:
                self._drop(slot)
                yield slot, {"event": "gone", "reason": f"its process said nothing for {self._stall_s:g} s"}

    def _ended(self, slot: AnySlot, event: dict[str, Any], broken: Broken) -> Iterator[Done]:
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

    def _drop(self, slot: AnySlot) -> None:
        """Ends a worker and frees its slot."""
        if slot in self.slots:
            self._held_s += self._seconds(slot)
            self.slots.remove(slot)
            self.end(slot)


def lines_of(jobs: Sequence[Job]) -> bytes:
    """Jobs as a line of a worker's input."""
    return JOBS.dump_json(list(jobs)) + b"\n"
