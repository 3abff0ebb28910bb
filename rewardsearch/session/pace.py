"""How fast training goes, and how long batches of jobs take at that pace, with slots and arms per process taken into account."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rewardsearch.config import Config
from rewardsearch.records import Record
from rewardsearch.run.devices import slots_of
from rewardsearch.run.state import RunState
from rewardsearch.session.pending import NOTHING, Batch, Between

TRAINING = ("rollout", "reward", "update")
EVALUATION = "evaluate"
"""The phases of a training run, as TrainingResult.phases has them."""
_ROUNDING = 1e-9


class Pace(Record):
    """Seconds in one process, with as many processes side by side as the search has.

    Arms that a process trains side by side share some of the time: g arms take `step_shared` + g * `step` a step, and their
    evaluation takes `question_shared` + g * `question` a question.
    """

    step: float
    step_shared: float = 0.0
    question: float = 0.0
    question_shared: float = 0.0
    run: float = 0.0
    """Of every training run, whatever its length."""
    start: float = 0.0
    """Of a process: its start, loading the policy, what the first step takes longer than the others."""

    def of(self, jobs: Sequence[tuple[float, int]]) -> float:
        """Jobs, as steps and questions, that one process carries out side by side."""
        steps, questions = [each for each, _ in jobs], [each for _, each in jobs]
        training = self.step_shared * max(steps) + self.step * sum(steps)
        evaluation = self.question_shared * max(questions) + self.question * sum(questions)
        return training + evaluation + self.run * sum(each > 0 for each in steps)


class Place(NamedTuple):
    """Where jobs run: processes side by side, and arms side by side in each."""

    slots: int
    arms: int = 1

    @staticmethod
    def of(config: Config) -> Place:
        return Place(slots_of(config), config.train.arms)


class Spent(NamedTuple):
    """Seconds by the clock, and seconds of all processes together."""

    wall: float
    busy: float


def duration(batches: Iterable[Batch], pace: Pace, place: Place) -> tuple[Between, Between]:
    """Seconds that the batches take one after another, by the clock and of all processes together; without starting processes."""
    wall = busy = NOTHING
    for batch in batches:
        low, high = (_carry_out(batch, pace, place, end) for end in (0, 1))
        wall += Between(low.wall, high.wall)
        busy += Between(low.busy, high.busy)
    return wall, busy


def _carry_out(batch: Batch, pace: Pace, place: Place, end: int) -> Spent:
    """A batch as a launcher carries it out: in order, on whichever slot is free, groups spread evenly over free slots.

    end: 0 for the least number of jobs, 1 for the most.
    """
    jobs = deque((each.steps, each.questions) for each in batch.jobs for _ in range(_whole(each.number, end)))
    free = [0.0] * place.slots
    busy = 0.0
    while jobs:
        # Only training runs, which have steps, share a process.
        arms = place.arms if jobs[0][0] else 1
        idle = sum(each == free[0] for each in free)
        group = [jobs.popleft() for _ in range(min(arms, math.ceil(len(jobs) / idle)))]
        seconds = pace.of(group)
        busy += seconds
        heapq.heapreplace(free, free[0] + seconds)
    return Spent(max(free), busy)


def _whole(count: Between, end: int) -> int:
    return math.floor(count.low + _ROUNDING) if end == 0 else math.ceil(count.high - _ROUNDING)


def pace_of(state: RunState) -> Pace | None:
    """The pace of what the run has trained, arms in the company that they had; None while nothing was trained.

    Where no engine has reported phases, an evaluation counts as a part of the steps before it.
    """
    done = {
        folder: each
        for folder, each in state.trainings.items()
        if each.steps and each.seconds and each.status == "done"
    }
    timed = {folder: each for folder, each in done.items() if each.phases and each.trained}
    if timed:
        training = sum(each.phases.get(phase, 0.0) for each in timed.values() for phase in TRAINING)
        evaluation = sum(each.phases.get(EVALUATION, 0.0) for each in timed.values())
        questions = sum(state.answered.get(folder, 0) for folder in timed)
        step = training / sum(each.trained for each in timed.values())
        return Pace(step=step, question=evaluation / questions if questions else 0.0)
    if done:
        return Pace(step=sum(each.seconds for each in done.values()) / sum(each.steps for each in done.values()))
    return None
