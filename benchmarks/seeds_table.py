"""The arms of a finalized run by training seed: the share of questions answered correctly, on val and on the sealed test.

    python benchmarks/seeds_table.py runs/contrast-demo

prints a Markdown table. An interval is that of Student's t over the training seeds (95 %), for the questions at hand; those of
`rewardsearch finalize` also cover the questions. The lines after the table count the seeds under which the recommended arm is
level with another on val, or better.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import t

from rewardsearch.records import FinalArm, Outcome
from rewardsearch.run.artifacts import load_outcomes
from rewardsearch.run.jobs import final_job, policy_job
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState
from rewardsearch.stats import f1_accuracy
from rewardsearch.train.launcher import evaluation_on_test

CONFIDENCE = 0.95


def accuracy(outcomes: Sequence[Outcome]) -> float:
    return f1_accuracy(outcomes).accuracy


def on_val(state: RunState, arm: FinalArm) -> list[float]:
    """The accuracy on val under each seed of an arm."""
    return [accuracy(state.trainings[final_job(arm, seed).folder].outcomes) for seed in arm.seeds]


def on_test(state: RunState, arm: FinalArm) -> list[float]:
    return [tested(state, arm.id, seed, final_job(arm, seed).folder) for seed in arm.seeds]


def tested(state: RunState, id: str, seed: int, folder: str) -> float:
    file = evaluation_on_test(f"{id}-{seed}", None, state.fingerprints[folder]).file
    outcomes = load_outcomes(state.folder / file)
    assert outcomes is not None, f"{file} is missing"
    return accuracy(outcomes)


def with_interval(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.3f}"
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stdev(values) / sqrt(len(values))
    return f"{fmean(values):.3f} ± {half:.3f}"


def table(state: RunState) -> Iterator[str]:
    """A line for the policy and for each arm that was trained, best on the test first."""
    assert state.final is not None, f"{state.folder} is not finalized"
    arms = [arm for row in state.final.rows if (arm := state.arms.get(row.id)) is not None and row.status == "done"]
    policy = policy_job(state.config.seed)
    before = accuracy(state.trainings[policy.folder].outcomes)
    after = tested(state, policy.id, policy.seed, policy.folder)
    yield "| arm | val | val by seed | test |"
    yield "|---|---|---|---|"
    for arm in arms:
        val = on_val(state, arm)
        by_seed = " ".join(f"{value:.3f}" for value in val)
        yield f"| {arm.id} | {with_interval(val)} | {by_seed} | {with_interval(on_test(state, arm))} |"
    yield f"| policy before training | {before:.3f} | | {after:.3f} |"
    for chosen in (arm for arm in arms if arm.id == state.final.chosen):
        for other in (arm for arm in arms if arm != chosen):
            pairs = list(zip(on_val(state, chosen), on_val(state, other), strict=True))
            level = sum(own >= its for own, its in pairs)
            yield f"{chosen.id} is level with {other.id} or better under {level} of {len(pairs)} seeds"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(table(read_run(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
