"""Ten further seeds for the recommended arms: whether the true F1 of a winner lies in the interval that its run reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from study_plan import Planned

from rewardsearch.config import Config
from rewardsearch.errors import Interrupted, MachineError
from rewardsearch.files import write_atomic
from rewardsearch.records import BASELINE, FinalArm, TrainingJob
from rewardsearch.run.artifacts import load_outcomes
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import final_job
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.run.progress import Progress
from rewardsearch.stats import f1_accuracy
from rewardsearch.train import evaluate_test, start_launcher, train
from rewardsearch.train.launcher import EvaluateTest, evaluation_on_test

SEEDS = tuple(range(1001, 1011))
MOST = 10
"""Arms that are trained with further seeds; arms of several runs with the same rewards are one."""
FOLDER = "further"


def chosen_arms(planned: Sequence[Planned], runs: Path) -> Iterator[tuple[str, FinalArm]]:
    """The arms to check with the name of the run that reported each: what every search and replayed search recommends, and after
    the first of them the baseline."""
    first = True
    for run in planned:
        if run.kind == "random" or not has_run(runs / run.name):
            continue
        state = read_run(runs / run.name)
        if state.final is None or state.final.chosen is None:
            continue
        yield run.name, state.arms[state.final.chosen]
        if first:
            yield run.name, state.arms[BASELINE]
        first = False


def arm_key(arm: FinalArm) -> str:
    """What arms that would be trained alike have in common."""
    weights = sorted((spec.id, round(spec.weight, 9)) for spec in arm.rewards)
    return hashlib.sha256(json.dumps([weights, arm.steps, arm.aggregation]).encode()).hexdigest()[:12]


def further_jobs(planned: Sequence[Planned], runs: Path) -> dict[str, list[TrainingJob]]:
    """The trainings of the first MOST arms, by key."""
    found: dict[str, list[TrainingJob]] = {}
    for _, arm in chosen_arms(planned, runs):
        key = arm_key(arm)
        if key not in found and len(found) < MOST:
            jobs = (final_job(arm, seed) for seed in SEEDS)
            found[key] = [job.model_copy(update={"folder": f"arms/{key}/full-{job.seed}", "id": key}) for job in jobs]
    return found


def further(planned: Sequence[Planned], runs: Path, progress: Progress) -> None:
    """Trains the chosen arms with the further seeds and reads the test for them, in runs/further. What is there is not done
    again. Raises MachineError where one could not be trained, Interrupted where the folder has a STOP file."""
    folder, config = runs / FOLDER, planned[0].config
    jobs = further_jobs(planned, runs)
    flat = [job for each in jobs.values() for job in each]
    progress.say(f"{len(jobs)} arms with {len(SEEDS)} further seeds each: {len(flat)} training runs")
    write_atomic(folder / "config.yaml", config.to_yaml())

    def may_start() -> bool:
        return not (folder / "STOP").exists()

    with start_launcher(folder, config) as launcher:
        done = {}
        for job, result in train(flat, launcher, folder, config, may_start, lambda: True, lambda *_: None):
            if result.status == "error":
                raise MachineError(f"{job.folder} could not be trained: {result.reason}")
            done[job.folder] = result
            progress.say(f"{job.folder} {result.status}")
        if len(done) < len(flat):
            raise Interrupted(f"stopped by {folder / 'STOP'}; remove it and run the same command")
        trained = [job for job in flat if done[job.folder].status == "done"]
        for _ in evaluate_test(
            [_evaluation(job, config) for job in trained], launcher, folder, may_start, lambda *_: None
        ):
            pass


def _evaluation(job: TrainingJob, config: Config) -> EvaluateTest:
    found = fingerprint("training", config, job)
    return evaluation_on_test(f"{job.id}-{job.seed}", f"{job.folder}/adapter", found)


def further_scores(planned: Sequence[Planned], runs: Path) -> dict[str, dict[int, float]]:
    """F1 on the test by further seed, of each arm by its key; without what is not read yet."""
    config, found = planned[0].config, {}
    for key, jobs in further_jobs(planned, runs).items():
        outcomes = {job.seed: load_outcomes(runs / FOLDER / _evaluation(job, config).file) for job in jobs}
        found[key] = {seed: f1_accuracy(each).f1 for seed, each in outcomes.items() if each}
    return found
