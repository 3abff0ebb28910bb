"""The engines `trl` and `lockstep` on the same rewards and seeds: do they reach the same accuracy, and how long do they take?

    python benchmarks/lockstep_parity.py runs/parity [minutes]

trains the six rewards in candidates/arithmetic with three seeds under both engines, at the settings of the demo. They draw other
random numbers, so a pair of runs differs as two seeds do. The mean of the differences over all pairs is what is tested. Results
that are in the folder are taken; with `minutes` nothing is started after that time, and the same command goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from rewardsearch.config import Config, load_config
from rewardsearch.files import write_atomic
from rewardsearch.records import RewardSpec, TrainingJob, TrainingResult
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.jobs import training_job
from rewardsearch.stats import f1_accuracy
from rewardsearch.train import start_launcher, train

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "arithmetic-demo.yaml"
ENGINES = ("trl", "lockstep")
SEEDS = (0, 1, 2)
Key = tuple[str, int]
"""A reward's name, and a seed."""


def rewards() -> list[RewardSpec]:
    files = sorted((ROOT / "candidates" / "arithmetic").glob("*.py"))
    codes = {file.stem: file.read_text(encoding="utf-8") for file in files}
    return [RewardSpec(id=candidate_id(code), name=name, code=code) for name, code in codes.items()]


def jobs(config: Config) -> Iterator[tuple[Key, TrainingJob]]:
    base = load_base_rewards(config.train.base_rewards)
    for spec in rewards():
        for seed in SEEDS:
            yield (spec.name, seed), training_job(spec.id, [spec], base, seed, config.train.steps)


def trained(engine: str, run: Path, until: float) -> dict[Key, TrainingResult]:
    """The results that there are; what is missing is trained until the time is up."""
    config = load_config(CONFIG, [f"train.engine={engine}"])
    folder = run / engine
    write_atomic(folder / "config.yaml", config.to_yaml())
    by_folder = {job.folder: (key, job) for key, job in jobs(config)}
    found: dict[Key, TrainingResult] = {}
    with start_launcher(folder, config) as launcher:
        pending = [job for _, job in by_folder.values()]

        def may_start() -> bool:
            return time.monotonic() < until

        for job, result in train(pending, launcher, folder, config, may_start, lambda: True, lambda *_: None):
            if result.status == "done":
                found[by_folder[job.folder][0]] = result
            else:
                print(f"{engine} {job.folder}: {result.status} {result.reason}")
    return found


def accuracy(result: TrainingResult) -> float:
    return f1_accuracy(result.outcomes).accuracy


def main(run: Path, minutes: float) -> None:
    until = time.monotonic() + 60 * minutes
    results = {engine: trained(engine, run, until) for engine in ENGINES}
    both = [key for key in results["trl"] if key in results["lockstep"]]
    print(f"{'reward':24} {'seed':>4} {'trl':>8} {'lockstep':>8}")
    for key in both:
        name, seed = key
        print(f"{name:24} {seed:4} " + " ".join(f"{accuracy(results[engine][key]):8.3f}" for engine in ENGINES))
    differences = [accuracy(results["lockstep"][key]) - accuracy(results["trl"][key]) for key in both]
    if len(differences) > 1:
        error = stdev(differences) / sqrt(len(differences))
        print(f"lockstep - trl: {fmean(differences):+.4f}, standard error {error:.4f}, {len(differences)} pairs")
    for engine in ENGINES:
        spent = [results[engine][key].phases for key in both]
        phases = sorted({phase for each in spent for phase in each})
        means = ", ".join(f"{phase} {fmean(each.get(phase, 0.0) for each in spent):.2f}" for phase in phases)
        print(f"{engine}: seconds a run: {means}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else float("inf"))
