"""The trainings of the landscape: the rewards of landscape/index.yaml, each with three seeds and through two rungs.

A result that is in the run folder under the right fingerprint is taken; what is missing is trained by the package's own workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

import yaml
from rich.console import Console

from rewardsearch.config import Config, load_config
from rewardsearch.files import write_atomic
from rewardsearch.records import (
    BASELINE,
    FULL,
    Candidate,
    RewardSpec,
    TrainingJob,
    TrainingResult,
)
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.artifacts import load_result
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import policy_job, segment_jobs, training_job
from rewardsearch.stats import f1_accuracy
from rewardsearch.train import start_launcher, train

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "benchmarks" / "landscape" / "index.yaml"
CONFIG = ROOT / "configs" / "arithmetic-demo.yaml"
STEPS, RUNGS = 22, (5, 11)
SETTINGS = (
    f"train.steps={STEPS}",
    "task.val_rows=1000",
    "race.enabled=true",
    f"race.rungs=[{', '.join(f'{{steps: {rung / STEPS}, questions: 1.0}}' for rung in RUNGS)}]",
)
SEEDS = (0, 11, 22)
"""Of every reward; the rungs are evaluated with the first."""
BASELINE_SEEDS = tuple(range(8))
CLASSES = ("sound", "mediocre", "useless", "hackable", "harmful")
Key = tuple[str, str, int]
"""A training: the arm, the rung, the seed."""


@dataclass(frozen=True)
class Listed:
    """A reward of the list: its file, relative to the repository, and the class of its idea."""

    file: str
    cls: str

    @property
    def name(self) -> str:
        return Path(self.file).stem

    @cached_property
    def code(self) -> str:
        return (ROOT / self.file).read_text(encoding="utf-8")

    @cached_property
    def spec(self) -> RewardSpec:
        return RewardSpec(id=candidate_id(self.code), name=self.name, code=self.code)

    @property
    def candidate(self) -> Candidate:
        return Candidate(id=self.spec.id, name=self.name, code=self.code, operator="folder")


def listed() -> list[Listed]:
    """The rewards of the index, in its order."""
    return [Listed(file, cls) for file, cls in yaml.safe_load(INDEX.read_text(encoding="utf-8")).items()]


def config_of(seed: int = 0) -> Config:
    return load_config(CONFIG, [*SETTINGS, f"seed={seed}"])


def phases(rewards: Sequence[Listed]) -> Iterator[list[TrainingJob]]:
    """The trainings in groups, in order: a segment goes on from the one in the group before it."""
    base = load_base_rewards(config_of().train.base_rewards)
    arms = [(each.spec.id, [each.spec], SEEDS[:1]) for each in rewards] + [(BASELINE, [], BASELINE_SEEDS)]
    stretched = [segment_jobs(id, specs, base, config_of(seed)) for id, specs, seeds in arms for seed in seeds]
    yield [policy_job(SEEDS[0])]
    yield from (list(group) for group in zip(*stretched, strict=True))
    yield [training_job(each.spec.id, [each.spec], base, seed, STEPS) for seed in SEEDS[1:] for each in rewards]


def trained(rewards: Sequence[Listed], run: Path, *, may_train: bool, console: Console) -> dict[Key, TrainingResult]:
    """The results of all trainings by arm, rung and seed; of those that are missing where they may not be trained, none."""
    found: dict[Key, TrainingResult] = {}
    config = config_of()
    write_atomic(run / "config.yaml", config.to_yaml())
    with start_launcher(run, config) as launcher:
        for jobs in phases(rewards):
            for job in jobs:
                result = load_result(run / job.folder, fingerprint("training", config, job))
                if result is not None:
                    found[job.id, job.rung, job.seed] = result
            missing = [job for job in jobs if (job.id, job.rung, job.seed) not in found]
            if not may_train:
                continue
            for job, result in train(missing, launcher, run, config, lambda: True, lambda *_: None):
                found[job.id, job.rung, job.seed] = result
                console.print(f"{job.folder}: {result.status} {result.reason or ''}", highlight=False)
    return found


@dataclass(frozen=True)
class Measured:
    """What the trainings of one reward gave: F1 on `val` by seed, the mean exact match over the training steps by seed, and
    F1 at each rung by seed. `cls` is the class of its idea."""

    name: str
    id: str
    file: str
    cls: str
    f1: dict[int, float]
    training_accuracy: dict[int, float]
    at: dict[int, dict[int, float]]
    flags: tuple[str, ...] = ()
    """What its training with the first seed raised."""

    @property
    def mean(self) -> float:
        return fmean(self.f1.values())


def measured(id: str, name: str, file: str, cls: str, results: dict[Key, TrainingResult]) -> Measured:
    """The measures of one arm. A training that failed has no score."""
    done = {key[1:]: result for key, result in results.items() if key[0] == id and result.status == "done"}
    f1 = {key: f1_accuracy(result.outcomes).f1 for key, result in done.items()}
    whole = {seed: result for (rung, seed), result in sorted(done.items()) if rung == FULL}
    at = {
        steps: {seed: f1[rung, seed] for rung, seed in sorted(f1) if rung == f"rung{place}"}
        for place, steps in enumerate(RUNGS, start=1)
    }
    return Measured(
        name=name,
        id=id,
        file=file,
        cls=cls,
        f1={seed: f1[FULL, seed] for seed in whole},
        training_accuracy={seed: fmean(p.exact_match for p in result.curves) for seed, result in whole.items()},
        at=at,
        flags=next(iter(whole.values())).flags if whole else (),
    )
