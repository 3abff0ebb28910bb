"""The training jobs of a search. Every arm is the base rewards plus none, one or several candidates, with weights."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import Config
from rewardsearch.records import BASELINE, FULL, POLICY, FinalArm, Record, RewardSpec, TrainingJob


class Segment(Record):
    """A part of a training run, up to a rung: the rung's name, the steps at its end, and the share of the questions that it is
    evaluated on (None for all)."""

    rung: str
    steps: int
    questions: float | None = None


def segments(config: Config) -> tuple[Segment, ...]:
    """The segments of a training run in their order. The last is FULL; without a race it is the only one."""
    total = config.train.steps
    found: list[Segment] = []
    for rung in config.race.rungs if config.racing else ():
        steps = max(1, round(rung.steps * total))
        if steps < total and steps > (found[-1].steps if found else 0):
            found.append(Segment(rung=f"rung{len(found) + 1}", steps=steps, questions=rung.questions))
    return (*found, Segment(rung=FULL, steps=total))


def policy_job(seed: int) -> TrainingJob:
    """The policy before any GRPO: evaluation alone."""
    return TrainingJob(id=POLICY, rewards=(), seed=seed, steps=0, folder=training_folder(POLICY, FULL, seed))


def training_job(
    id: str, rewards: Sequence[RewardSpec], base: Sequence[RewardSpec], seed: int, steps: int
) -> TrainingJob:
    """The training of a candidate to the end, or of the base rewards alone (id BASELINE, no further rewards)."""
    assert rewards or id == BASELINE
    return TrainingJob(id=id, rewards=(*base, *rewards), seed=seed, steps=steps, folder=training_folder(id, FULL, seed))


def segment_jobs(
    id: str, rewards: Sequence[RewardSpec], base: Sequence[RewardSpec], config: Config
) -> tuple[TrainingJob, ...]:
    """The segments of a training run under the search's seed. Each continues the one before."""
    full = training_job(id, rewards, base, config.seed, config.train.steps)
    jobs: list[TrainingJob] = []
    for segment in segments(config):
        part = {
            "rung": segment.rung,
            "steps": segment.steps,
            "questions": segment.questions,
            "folder": training_folder(id, segment.rung, config.seed),
            "schedule": None if segment.rung == FULL else full.steps,
            "start": jobs[-1].folder if jobs else None,
        }
        jobs.append(full.model_copy(update=part))
    return tuple(jobs)


def final_job(arm: FinalArm, seed: int) -> TrainingJob:
    """The training of an arm of finalize. A candidate and the baseline are trained as in the search, in the same place."""
    own = arm.kind in ("ensemble", "control", "reference")
    folder = f"final/{arm.id}/full-{seed}" if own else training_folder(arm.id, FULL, seed)
    return TrainingJob(
        id=arm.id,
        rewards=arm.rewards,
        seed=seed,
        steps=arm.steps,
        folder=folder,
        aggregation=arm.aggregation,
        method=arm.method,
    )


def training_folder(id: str, rung: str, seed: int) -> str:
    """The folder of a training run, or of a segment, relative to the run folder."""
    return f"candidates/{id}/training/{rung}-{seed}"
