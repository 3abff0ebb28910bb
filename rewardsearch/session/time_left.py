"""How much training a search has left: steps from its state, seconds from the pace of what it has trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from rewardsearch.finalize import FinalSetup, plan
from rewardsearch.records import BASELINE, FULL
from rewardsearch.run.devices import slots_of
from rewardsearch.run.jobs import final_job, segments

if TYPE_CHECKING:
    from rewardsearch.run.progress import Running
    from rewardsearch.run.state import RunState

_CLOSE = 1.25
"""A range whose ends are no further apart than this is one number."""


class Between(NamedTuple):
    """At least and at most."""

    low: float
    high: float

    def __add__(self, other: Between) -> Between:  # type: ignore[override]
        return Between(self.low + other.low, self.high + other.high)


def time_left(state: RunState, running: Iterable[Running] = ()) -> Between | None:
    """Seconds of training that are left, at least and at most; None while nothing has been trained that gives a pace.

    running: the jobs that are at work. The pace is that of this run's training, evaluation on `val` included, with all slots
    busy. What comes on top: proposing, validating, reading the sealed test.
    """
    training = [job for job in running if job.unit == "steps"]
    trained = [
        result for result in state.trainings.values() if result.steps and result.seconds and result.status == "done"
    ]
    steps, seconds = sum(result.steps for result in trained), sum(result.seconds for result in trained)
    taken = sum(job.done - job.begun for job in training)
    if not steps:
        steps, seconds = taken, sum(job.seconds for job in training)
    if not steps:
        return None
    slots = max(slots_of(state.config), len(training))
    low, high = (max(0.0, left - taken) * seconds / steps / slots for left in steps_left(state))
    return Between(low, high)


def describe_time_left(left: Between | None) -> str:
    """Such as "5 to 8 min of training left"; empty where there is none, or nothing is known of it."""
    if left is None or left.high < 1:
        return ""
    unit, seconds, digits = ("s", 1, 0) if left.high < 90 else ("min", 60, 0) if left.high < 5400 else ("h", 3600, 1)
    low, high = left.low / seconds, left.high / seconds
    # A tenth of an hour, or one of the other units, is the least that is shown.
    start = f"{low:.{digits}f} to " if high > _CLOSE * max(low, 10.0**-digits) else ""
    return f"about {start}{high:.{digits}f} {unit} of training left"


def steps_left(state: RunState) -> Between:
    """Training steps that the search has still to take: at least where every race drops as many as it may, and candidates are
    refused as often as so far; at most where everything is accepted and as many go on as may."""
    config = state.config
    if state.final is not None:
        return Between(0, 0)
    total = Between(0, 0)
    for seed in config.baseline_seeds:
        steps = config.train.steps - _furthest(state, BASELINE, seed)
        total += Between(steps, steps)
    for number in range(state.rounds_done + 1, config.rounds + 1):
        total += _of_round(state, number)
    return total + _of_finalize(state) if config.finalize.enabled else total


def _of_round(state: RunState, number: int) -> Between:
    config = state.config
    proposed = [c.id for c in state.candidates.values() if c.round == number]
    judged = [id for id in proposed if id in state.verdicts]
    running: list[str] | None = None
    if proposed and len(judged) == len(proposed):
        running = [id for id in judged if state.verdicts[id].accepted]
        count = Between(len(running), len(running))
    else:
        accepted = [verdict.accepted for verdict in state.verdicts.values()]
        share = sum(accepted) / len(accepted) if accepted else 1.0
        count = Between(config.candidates * share, config.candidates)
    total, before = Between(0, 0), 0
    for segment in segments(config):
        steps, before = segment.steps - before, segment.steps
        if running is not None:
            # Failed runs have a result under their arm's id, and take no further steps.
            running = [id for id in running if id not in state.results or state.results[id].status == "done"]
            pending = sum(_furthest(state, id, config.seed) < segment.steps for id in running)
            total += Between(steps * pending, steps * pending)
            count = Between(len(running), len(running))
            decided = all((segment.rung, id) in state.promotions for id in running)
            running = [id for id in running if state.promotions[segment.rung, id].promoted] if decided else None
        else:
            total += Between(steps * count.low, steps * count.high)
        if running is None and segment.rung != FULL:
            count = Between(config.race.min_promoted_of(round(count.low)), count.high)
    return total


def _of_finalize(state: RunState) -> Between:
    config = state.config
    if not state.arms:
        steps = plan(FinalSetup.of(config)).steps
        return Between(steps, steps)
    jobs = {(job := final_job(arm, seed)).folder: job.steps for arm in state.arms.values() for seed in arm.seeds}
    steps = sum(steps for folder, steps in jobs.items() if folder not in state.trainings)
    return Between(steps, steps)


def _furthest(state: RunState, arm: str, seed: int) -> int:
    """The step that an arm has been trained to under a seed."""
    return max((r.steps for r in state.trainings.values() if (r.id, r.seed) == (arm, seed)), default=0)
