"""What a search has still to train and to evaluate, as counts: from the state of its run, or before it starts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from rewardsearch.finalize import FinalSetup, plan
from rewardsearch.records import BASELINE, FULL
from rewardsearch.run.jobs import final_job, policy_job, segments, training_folder
from rewardsearch.run.state import RunState

if TYPE_CHECKING:
    from rewardsearch.config import Config

Part = Literal["references", "rounds", "finalize", "test"]


class Between(NamedTuple):
    """At least and at most."""

    low: float
    high: float

    def __add__(self, other: Between) -> Between:  # type: ignore[override]
        return Between(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Between:
        return Between(self.low * factor, self.high * factor)

    @staticmethod
    def exactly(value: float) -> Between:
        return Between(value, value)


NOTHING = Between(0, 0)


class Rows(NamedTuple):
    """How many questions the splits have that are evaluated: the ranked one and the sealed test."""

    ranked: int
    test: int

    @staticmethod
    def of(config: Config) -> Rows:
        """As many as the config asks for."""
        return Rows(config.task.test_rows if config.paper_protocol else config.task.val_rows, config.task.test_rows)


class Jobs(NamedTuple):
    """Equal jobs: how many there are, and the training steps and the questions of each.

    resumed: whether they continue segments of training runs.
    """

    number: Between
    steps: float = 0
    questions: int = 0
    resumed: bool = False


class Batch(NamedTuple):
    """Jobs that may run side by side. The search goes on when all of them have ended."""

    part: Part
    jobs: tuple[Jobs, ...]

    @property
    def trainings(self) -> Between:
        """Training runs and segments of them."""
        return sum((each.number for each in self.jobs if each.steps), NOTHING)

    @property
    def runs(self) -> Between:
        """Training runs that begin here."""
        return sum((each.number for each in self.jobs if each.steps and not each.resumed), NOTHING)

    @property
    def steps(self) -> Between:
        return sum((each.number.times(each.steps) for each in self.jobs), NOTHING)

    @property
    def questions(self) -> Between:
        return sum((each.number.times(each.questions) for each in self.jobs), NOTHING)


def planned(config: Config, rows: Rows | None = None) -> list[Batch]:
    """The batches of a whole search."""
    return pending(RunState(Path(), config), rows)


def pending(state: RunState, rows: Rows | None = None) -> list[Batch]:
    """The batches that the search has still to carry out, in their order.

    At least: every race stops as many candidates as it may, and candidates are refused as often as so far. At most: everything is
    accepted, and as many go on as may.
    """
    if state.final is not None:
        return []
    config, rows = state.config, rows or Rows.of(state.config)
    batches = _references(state, rows.ranked)
    for number in range(state.rounds_done + 1, config.rounds + 1):
        batches += _of_round(state, number, rows.ranked)
    if config.finalize.enabled:
        batches += _of_finalize(state, rows)
    return [batch for batch in batches if any(each.number.high for each in batch.jobs)]


def steps_left(state: RunState) -> Between:
    """Training steps that the search has still to take."""
    return sum((batch.steps for batch in pending(state)), NOTHING)


def _references(state: RunState, questions: int) -> list[Batch]:
    """The batches of train/references.py: the policy, the baseline through the rungs, and the baseline's further seeds."""
    config = state.config
    through: list[Jobs] = []
    before = 0
    for segment in segments(config):
        left = int(_furthest(state, BASELINE, config.seed) < segment.steps)
        asked = _share(segment.questions, questions)
        through.append(Jobs(Between.exactly(left), segment.steps - before, asked, resumed=before > 0))
        before = segment.steps
    policy = Jobs(Between.exactly(int(policy_job(config.seed).folder not in state.trainings)), 0, questions)
    seeds = config.baseline_seeds[1:]
    untrained = sum(training_folder(BASELINE, FULL, seed) not in state.trainings for seed in seeds)
    further = Jobs(Between.exactly(untrained), config.train.steps, questions)
    batches = [(policy, *through[:1]), (*through[1:2], further), *((each,) for each in through[2:])]
    return [Batch("references", batch) for batch in batches]


def _of_round(state: RunState, number: int, questions: int) -> list[Batch]:
    """A batch for each segment of the round."""
    config = state.config
    proposed = [c.id for c in state.candidates.values() if c.round == number]
    judged = [id for id in proposed if id in state.verdicts]
    running: list[str] | None = None
    if proposed and len(judged) == len(proposed):
        running = [id for id in judged if state.verdicts[id].accepted]
        count = Between.exactly(len(running))
    else:
        accepted = [verdict.accepted for verdict in state.verdicts.values()]
        share = sum(accepted) / len(accepted) if accepted else 1.0
        count = Between(config.candidates * share, config.candidates)
    batches: list[Batch] = []
    before = 0
    for segment in segments(config):
        steps, resumed, before = segment.steps - before, before > 0, segment.steps
        left = count
        if running is not None:
            # Failed runs have a result under their arm's id, and take no further steps.
            running = [id for id in running if id not in state.results or state.results[id].status == "done"]
            left = Between.exactly(sum(_furthest(state, id, config.seed) < segment.steps for id in running))
            count = Between.exactly(len(running))
            decided = all((segment.rung, id) in state.promotions for id in running)
            running = [id for id in running if state.promotions[segment.rung, id].promoted] if decided else None
        batches.append(Batch("rounds", (Jobs(left, steps, _share(segment.questions, questions), resumed),)))
        if running is None and segment.rung != FULL:
            count = Between(config.race.min_promoted_of(round(count.low)), count.high)
    return batches


def _of_finalize(state: RunState, rows: Rows) -> list[Batch]:
    """The training of the final arms, and one evaluation of each policy on the sealed test."""
    setup = FinalSetup.of(state.config)
    if state.arms:
        jobs = {(job := final_job(arm, seed)).folder: job for arm in state.arms.values() for seed in arm.seeds}
        training = [
            Jobs(Between.exactly(1), job.steps, rows.ranked)
            for folder, job in jobs.items()
            if folder not in state.trainings
        ]
        arms, seeds = len(state.arms), len(setup.seeds)
    else:
        most = plan(setup)
        # top5-longer takes more steps than the others; the mean gives the same sum.
        training = [Jobs(Between.exactly(most.runs), most.steps / most.runs, rows.ranked)] if most.runs else []
        arms, seeds = most.arms - 1, most.seeds
    # Every arm under each of its seeds; the policy and the best finalist under the search's.
    best = state.config.finalize.finalists > 0 and setup.seed not in setup.seeds
    tests = arms * seeds + 1 + best - len(state.test_files)
    return [
        Batch("finalize", tuple(training)),
        Batch("test", (Jobs(Between.exactly(max(0, tests)), 0, rows.test),)),
    ]


def _furthest(state: RunState, arm: str, seed: int) -> int:
    """The step that an arm has been trained to under a seed."""
    return max((r.steps for r in state.trainings.values() if (r.id, r.seed) == (arm, seed)), default=0)


def _share(share: float | None, questions: int) -> int:
    return math.ceil((share or 1) * questions)
