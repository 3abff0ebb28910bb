"""Train: a short GRPO + LoRA run for each job, and a greedy evaluation on `val`.

Jobs are carried out by a launcher, in processes that hold an engine. The functions here give results from the run folder,
and have the launcher carry out what is missing. schedule.py, references.py, rounds.py and finals.py decide which jobs there
are, setup.py prepares the policy and the rollout bank.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.plugins import plugin_code, plugin_names
from rewardsearch.records import Outcome, Rollout, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import PROGRESS, SFT, load_bank, load_outcomes, load_result, load_sft
from rewardsearch.run.devices import accelerators
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.train.engine import ENGINES
from rewardsearch.train.launcher import (
    EvaluateTest,
    FineTune,
    Job,
    Launcher,
    MayContinue,
    MayStart,
    OnStep,
    SampleBank,
    TrainArm,
    launcher_class,
    start_launcher,
)
from rewardsearch.train.policy_check import DEVICE, KEYED, check_policy

__all__ = [
    "DEVICE",
    "KEYED",
    "Launcher",
    "check_plugins",
    "check_policy",
    "evaluate_test",
    "fine_tune",
    "sample_bank",
    "start_launcher",
    "train",
]


_Job = TypeVar("_Job", FineTune, SampleBank, EvaluateTest)
_Result = TypeVar("_Result")


def check_plugins(config: Config) -> None:
    """Raises UserError where nothing has the name of the engine or of the launcher, and where budget.gpu_hours could not be kept.
    The engine is not imported here."""
    launcher_class(config)
    hours = config.budget.gpu_hours
    if hours is not None and config.train.launcher == "local" and (config.policy.device == "cpu" or not accelerators()):
        raise UserError(
            f"budget.gpu_hours: got {hours:g}, and training runs on the CPU here; leave it out, and set "
            "budget.wall_clock_minutes"
        )
    name = config.train.engine
    code = plugin_code("engine", name, ENGINES)
    if name not in ENGINES and (code is None or not code.exists()):
        allowed = ", ".join(plugin_names("engine", ENGINES))
        raise UserError(f"train.engine: got {name!r}; allowed: {allowed}, package.module:Name, or file.py:Name")


def train(
    jobs: Sequence[TrainingJob],
    launcher: Launcher,
    run: Path,
    config: Config,
    may_start: MayStart,
    may_continue: MayContinue,
    on_step: OnStep,
) -> Iterator[tuple[TrainingJob, TrainingResult]]:
    """Each job with its result as it ends, in any order; results that are on disk come first, without work.

    An infrastructure error gives the status "error": the job is still pending. Jobs that may_start held back, and paused ones,
    give nothing.
    """
    by_folder = {job.folder: job for job in jobs}
    pending: list[Job] = []
    for job in jobs:
        finished = load_result(run / job.folder, fingerprint("training", config, job))
        if finished is not None:
            # A worker that was killed right after it wrote the result leaves it.
            shutil.rmtree(run / job.folder / PROGRESS, ignore_errors=True)
            yield job, finished
        else:
            pending.append(TrainArm(id=job.folder, training=job))
    for done in launcher.run(pending, may_start, may_continue, on_step):
        if done.paused:
            continue
        job = by_folder[done.id]
        result = load_result(run / job.folder, fingerprint("training", config, job)) if done.error is None else None
        yield (
            job,
            result
            or TrainingResult(
                id=job.id,
                rung=job.rung,
                seed=job.seed,
                steps=0,
                status="error",
                reason=done.error or f"its result in {run / job.folder} cannot be read",
            ),
        )


def fine_tune(run: Path, config: Config, launcher: Launcher, may_start: MayStart, on_step: OnStep) -> SftResult | None:
    """The supervised fine-tuning of the run, trained where it is not there yet; None where may_start held it back.

    Raises MachineError when it cannot be trained.
    """
    wanted = fingerprint("sft", config)
    found = dict(_made([FineTune()], lambda job: load_sft(run / SFT, wanted), launcher, may_start, on_step))
    return found.get(SFT)


def sample_bank(path: Path, launcher: Launcher, may_start: MayStart, on_step: OnStep) -> tuple[Rollout, ...] | None:
    """The rollout bank in the file `path`, sampled where it is not there yet; None where may_start held it back.

    Raises MachineError when it cannot be sampled.
    """
    job = SampleBank(file=str(path.absolute()))
    return dict(_made([job], lambda job: load_bank(path), launcher, may_start, on_step)).get(job.id)


def evaluate_test(
    jobs: Sequence[EvaluateTest],
    launcher: Launcher,
    run: Path,
    may_start: MayStart,
    on_step: OnStep,
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    """Outcomes on the sealed test, by the job's id. A policy whose outcomes are on disk is not evaluated again.

    Raises MachineError when one cannot be evaluated.
    """
    return _made(jobs, lambda job: load_outcomes(run / job.file), launcher, may_start, on_step)


_FAILED = {
    "sft": "the policy could not be fine-tuned",
    "bank": "the rollout bank could not be sampled",
    "test": "the test could not be read for {id}",
}
"""What is said of a job that failed, by its kind."""


def _made(
    jobs: Sequence[_Job],
    load: Callable[[_Job], _Result | None],
    launcher: Launcher,
    may_start: MayStart,
    on_step: OnStep,
) -> Iterator[tuple[str, _Result]]:
    """What `load` gives for each job, by its id; a job without a result is carried out first.

    A job that ends in an error is tried once more after the others. Raises MachineError where it fails again.
    """
    pending = []
    for job in jobs:
        if (found := load(job)) is not None:
            yield job.id, found
        else:
            pending.append(job)
    by_id = {job.id: job for job in pending}
    for tries_left in (1, 0):
        failed = []
        for done in launcher.run(pending, may_start, lambda: True, on_step):
            job = by_id[done.id]
            found = load(job) if done.error is None else None
            if found is not None:
                yield job.id, found
            elif tries_left and done.error is not None:
                failed.append(job)
            else:
                why = done.error or "its files are missing or damaged"
                raise MachineError(f"{_FAILED[job.kind].format(id=job.id)}: {why}")
        pending = failed
