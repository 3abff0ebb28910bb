"""Train: a short GRPO + LoRA run for each job, and a greedy evaluation on `val`.

Jobs are carried out by a launcher, in processes that hold an engine. The functions here give results from the run folder,
and have the launcher carry out what is missing. schedule.py, references.py, rounds.py and finals.py decide which jobs there
are, setup.py prepares the policy and the rollout bank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.plugins import plugin_code, plugin_names
from rewardsearch.records import Outcome, Record, Rollout, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import SFT, load_bank, load_outcomes, load_result, load_sft
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.train.engine import ENGINES
from rewardsearch.train.launcher import (
    Done,
    EvaluateTest,
    FineTune,
    Job,
    Launcher,
    MayStart,
    OnStep,
    SampleBank,
    TrainArm,
    launcher_class,
    start_launcher,
)
from rewardsearch.train.policy_check import DEVICE, check_policy, devices

__all__ = [
    "DEVICE",
    "Launcher",
    "TestEvaluation",
    "check_plugins",
    "check_policy",
    "devices",
    "evaluate_test",
    "fine_tune",
    "sample_bank",
    "start_launcher",
    "train",
]


def check_plugins(config: Config) -> None:
    """Raises UserError where nothing has the name of the engine or of the launcher. The engine is not imported here."""
    launcher_class(config)
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
    on_step: OnStep,
) -> Iterator[tuple[TrainingJob, TrainingResult]]:
    """Each job with its result as it ends, in any order; results that are on disk come first, without work.

    An infrastructure error gives the status "error": the job is still pending. Jobs that may_start held back give nothing.
    """
    by_folder = {job.folder: job for job in jobs}
    pending: list[Job] = []
    for job in jobs:
        finished = load_result(run / job.folder, fingerprint("training", config, job))
        if finished is not None:
            yield job, finished
        else:
            pending.append(TrainArm(id=job.folder, training=job))
    for done in launcher.run(pending, may_start, on_step):
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
    folder, wanted = run / SFT, fingerprint("sft", config)
    known = load_sft(folder, wanted)
    if known is not None:
        return known
    for done in _run_twice([FineTune()], launcher, may_start, on_step):
        known = load_sft(folder, wanted)
        if done.error is not None or known is None:
            raise MachineError(f"the policy could not be fine-tuned: {done.error or f'{folder} is missing'}")
    return known


def sample_bank(path: Path, launcher: Launcher, may_start: MayStart, on_step: OnStep) -> tuple[Rollout, ...] | None:
    """The rollout bank in the file `path`, sampled where it is not there yet; None where may_start held it back.

    Raises MachineError when it cannot be sampled.
    """
    known = load_bank(path)
    if known is not None:
        return known
    for done in _run_twice([SampleBank(file=str(path.absolute()))], launcher, may_start, on_step):
        known = load_bank(path)
        if done.error is not None or known is None:
            raise MachineError(f"the rollout bank could not be sampled: {done.error or f'{path} is missing'}")
    return known


class TestEvaluation(Record):
    """One policy to evaluate on the sealed test. `adapter`: its folder relative to the run (None: the policy without one)."""

    __test__ = False  # pytest takes classes of this name for tests
    name: str
    """Unique among the evaluations of a run, and part of the file's name."""
    adapter: str | None
    fingerprint: str
    """That of its training."""

    @property
    def file(self) -> str:
        """Where the outcomes are kept, relative to the run."""
        return f"final/test/{self.name}-{self.fingerprint[:8]}.jsonl"


def evaluate_test(
    evaluations: Sequence[TestEvaluation],
    launcher: Launcher,
    run: Path,
    may_start: MayStart,
    on_step: OnStep,
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    """Outcomes on the sealed test, by the name of the evaluation. A policy whose outcomes are on disk is not evaluated again.

    Raises MachineError when one cannot be evaluated.
    """
    files = {each.name: each.file for each in evaluations}
    jobs: list[Job] = []
    for each in evaluations:
        known = load_outcomes(run / each.file)
        if known is not None:
            yield each.name, known
        else:
            jobs.append(EvaluateTest(id=each.name, adapter=each.adapter, file=each.file))
    for done in _run_twice(jobs, launcher, may_start, on_step):
        outcomes = load_outcomes(run / files[done.id])
        if done.error is not None or outcomes is None:
            raise MachineError(f"the test could not be read for {done.id}: {done.error or 'its file is missing'}")
        yield done.id, outcomes


def _run_twice(jobs: Sequence[Job], launcher: Launcher, may_start: MayStart, on_step: OnStep) -> Iterator[Done]:
    """What Launcher.run gives; a job that ended in an error is tried once more after the others."""
    by_id = {job.id: job for job in jobs}
    again = []
    for done in launcher.run(jobs, may_start, on_step):
        if done.error is None:
            yield done
        else:
            again.append(by_id[done.id])
    yield from launcher.run(again, may_start, on_step)
