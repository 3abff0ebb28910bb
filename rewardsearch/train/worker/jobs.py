"""What a training process does with a job: it prepares rewards and rows, has the engine do the work, and writes the result."""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, assert_never

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.records import (
    DIVERGED,
    FULL,
    Completion,
    Outcome,
    RewardSpec,
    Rollout,
    Row,
    SftResult,
    TrainingJob,
    TrainingResult,
)
from rewardsearch.rewards.sandbox import RewardFault, Sandbox, SandboxedReward
from rewardsearch.run.artifacts import (
    ADAPTER,
    CHECKPOINT,
    SFT,
    ArtifactError,
    check_files,
    load_result,
    load_sft,
    save_bank,
    save_completions,
    save_outcomes,
    save_result,
    save_sft,
)
from rewardsearch.run.environment import environment_of
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import Unit
from rewardsearch.tasks import load_task
from rewardsearch.tasks.questions import bank_rows
from rewardsearch.train.engine import Arm, Diverged, Engine, Generation, load_engine
from rewardsearch.train.launcher import EvaluateTest, FineTune, Job, OnStep, SampleBank, TrainArm
from rewardsearch.train.worker.observe import Observer, is_base
from rewardsearch.train.worker.watch import alarms, hopeless

_UNTRAINED = "it is so before any training; take another policy.model or policy.dtype"
_MAXRSS_MB = 1024 * 1024 if sys.platform == "darwin" else 1024
_Found = tuple[dict[str, Any], tuple[Completion, ...]]
"""The fields of a training result, and what the policy answered."""


class Worker:
    """Carries out jobs on the run in the folder `run`, one at a time. Engine and sandbox stay warm between jobs, until
    close()."""

    def __init__(self, run: Path, config: Config) -> None:
        self.run, self.config = run, config
        self.task = load_task(config.task)
        self.sandbox = Sandbox(config.sandbox, config.validation.bound)
        self._report: Callable[[int, int, Unit], None] = lambda done, of, unit: None

    def close(self) -> None:
        self.sandbox.close()

    @cached_property
    def engine(self) -> Engine:
        """The engine on the policy that every job but fine-tuning starts from. Raises MachineError where its SFT is missing."""
        if not self.config.sft.enabled:
            return load_engine(self.config, None)
        folder = self.run / SFT
        if load_sft(folder, fingerprint("sft", self.config)) is None:
            raise MachineError(f"the fine-tuned policy in {folder} is missing or damaged")
        return load_engine(self.config, folder / ADAPTER)

    @cached_property
    def train_rows(self) -> list[Row]:
        return self.task.rows("train")

    @cached_property
    def ranked_rows(self) -> list[Row]:
        return self.task.rows(self.config.ranked_on)

    def carry_out(self, job: Job, on_step: OnStep) -> None:
        """Writes the complete result of `job`. Raises UserError, MachineError, or whatever broke down."""
        self._report = lambda done, of, unit: on_step(job.id, done, of, unit)
        match job:
            case TrainArm():
                self.train(job.training)
            case FineTune():
                self.fine_tune()
            case SampleBank():
                self.sample_bank(self.run / job.file)
            case EvaluateTest():
                self.evaluate_test(job.adapter, self.run / job.file)
            case _:
                assert_never(job)

    def train(self, job: TrainingJob) -> TrainingResult:
        """Trains and evaluates an arm. A reward that fails, or a policy that diverges, is the result."""
        started = time.monotonic()
        folder = self.run / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        before, limits = self._before(job), self.config.sandbox
        forgiven = before.faults if before else {}
        rewards = [
            SandboxedReward(self.sandbox, spec, limits.failures, limits.rechecks, job.seed, forgiven.get(spec.id, 0))
            for spec in job.rewards
        ]
        observer = Observer(
            self.task,
            self.train_rows if job.steps else (),
            [(reward.spec, reward) for reward in rewards],
            self.config.train.group_size,
            self.config.train.max_completion_tokens,
            lambda step: self._report(step, job.steps, "steps"),
        )
        completions: tuple[Completion, ...] = ()
        try:
            found, completions = self._train_and_evaluate(job, folder, before is not None, observer, rewards)
        except (RewardFault, Diverged) as error:
            steps = len(observer.curves()) or (before.steps if before else 0)
            found = {"status": "failed", "steps": steps}
            if isinstance(error, Diverged):
                where = f"diverged at step {steps}: " if job.steps else ""
                found |= {"reason": f"{where}{error}", "flags": (DIVERGED,)}
            else:
                flags = ("changes later",) if error.kind == "changed" else ()
                found |= {"reason": _blame(job, observer.scoring, error), "flags": flags}
        finally:
            _keep_printed(folder, rewards)
        result = TrainingResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            trained=found["steps"] - (before.steps if before else 0),
            seconds=round(time.monotonic() - started + (before.seconds if before else 0), 2),
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_MB, 1),
            environment=environment_of(self.config, self.engine.device),
            **found,
        )
        save_result(folder, result, fingerprint("training", self.config, job), completions)
        if job.start is not None:
            # The next segment resumes at the end of this one.
            shutil.rmtree(self.run / job.start / CHECKPOINT, ignore_errors=True)
        return result

    def _before(self, job: TrainingJob) -> TrainingResult | None:
        """The result of the segment that `job` resumes; None where there is none, or its checkpoint is gone."""
        if job.start is None or not (self.run / job.start / CHECKPOINT).is_dir():
            return None
        try:
            check_files(self.run / job.start, CHECKPOINT)
        except ArtifactError:
            return None
        return load_result(self.run / job.start)

    def _train_and_evaluate(
        self, job: TrainingJob, folder: Path, resumes: bool, observer: Observer, rewards: Sequence[SandboxedReward]
    ) -> _Found:
        rows = self.ranked_rows[: math.ceil((job.questions or 1) * len(self.ranked_rows))]
        if job.steps == 0:
            outcomes, completions = self._judged(rows, self._evaluated(rows))
            return {"status": "done", "steps": 0, "outcomes": outcomes}, completions
        watch = self.config.watch
        arm = Arm(
            job=job,
            rows=self.train_rows,
            observer=observer,
            questions=rows,
            adapter=folder / ADAPTER if job.rung == FULL else None,
            start=self.run / job.start / CHECKPOINT if job.start and resumes else None,
            checkpoint=folder / CHECKPOINT if job.rung != FULL else None,
            stop=lambda points: hopeless(points, watch) if watch.end_early else None,
            on_question=lambda done: self._report(done, len(rows), "questions"),
        )
        trained = self.engine.train(arm)
        curves = observer.curves()
        if len(curves) != job.steps and trained.stop_reason is None:
            raise MachineError(f"trained {len(curves)} of {job.steps} steps")
        nonfinite = sum(point.grad_norm is None for point in curves)
        if nonfinite == len(curves):
            raise Diverged("the gradient was not finite at any step")
        faults = {reward.spec.id: reward.faults for reward in rewards if reward.faults}
        found = alarms(curves, watch)
        outcomes, completions = self._judged(rows, trained.answers)
        fields = {
            "status": "done",
            "steps": len(curves),
            "stop_reason": trained.stop_reason,
            "outcomes": outcomes,
            "curves": curves,
            "correlations": observer.correlations(),
            "correlations_any_form": observer.correlations_any_form(),
            "disagreements": observer.disagreements(),
            "group": observer.group,
            "alarms": found,
            "flags": (
                *(alarm.flag for alarm in found),
                *((f"{sum(faults.values())} failed reward calls",) if faults else ()),
                *((f"{nonfinite} non-finite step{'s' if nonfinite > 1 else ''}",) if nonfinite else ()),
            ),
            "nonfinite_steps": nonfinite,
            "faults": faults,
        }
        return fields, completions

    def _evaluated(self, rows: Sequence[Row], adapter: Path | None = None) -> list[Generation]:
        return self.engine.evaluate(rows, adapter, lambda done: self._report(done, len(rows), "questions"))

    def _judged(
        self, rows: Sequence[Row], answers: Sequence[Generation]
    ) -> tuple[tuple[Outcome, ...], tuple[Completion, ...]]:
        """An outcome and a completion a question, in the order of `rows`."""
        pairs = list(zip(rows, answers, strict=True))
        return (
            tuple(self.task.outcomes([(row, answer.text, answer.tokens) for row, answer in pairs])),
            tuple(Completion(id=row.id, completion=answer.text) for row, answer in pairs),
        )

    @contextmanager
    def _finite_logits(self, remedy: str) -> Iterator[None]:
        """While it lasts, Diverged becomes a UserError with `remedy`."""
        try:
            yield
        except Diverged as error:
            raise UserError(f"{error}: {remedy}") from None

    def fine_tune(self) -> SftResult:
        """Fine-tunes the policy, which later jobs start from."""
        started = time.monotonic()
        sft, rows = self.config.sft, self.task.rows("val")
        folder = self.run / SFT
        # What a killed process left there is incomplete.
        shutil.rmtree(folder, ignore_errors=True)
        self.engine = load_engine(self.config, None)
        with self._finite_logits(_UNTRAINED):
            before, _ = self._judged(rows, self._evaluated(rows))
        tuned = self.engine.fine_tune(
            self.task.demonstrations(), folder / ADAPTER, lambda step: self._report(step, sft.steps, "steps")
        )
        # Two policies need not fit beside each other; what later jobs load is what is evaluated here.
        del self.engine
        self.engine = load_engine(self.config, folder / ADAPTER)
        with self._finite_logits(f"SFT diverged; lower sft.learning_rate, got {sft.learning_rate:g}"):
            after, _ = self._judged(rows, self._evaluated(rows))
        result = SftResult(
            fingerprint=fingerprint("sft", self.config),
            rows=tuned.rows,
            left_out=tuned.left_out,
            steps=sft.steps,
            seconds=round(time.monotonic() - started, 2),
            curve=tuned.curve,
            before=before,
            after=after,
        )
        save_sft(folder, result)
        return result

    def evaluate_test(self, adapter: str | None, file: Path) -> None:
        """Evaluates a saved adapter (None: the policy without one) on the sealed test split, into `file`."""
        rows = self.task.rows("test")
        outcomes, completions = self._judged(rows, self._evaluated(rows, self.run / adapter if adapter else None))
        # The outcomes are written last: where they are, everything is there.
        save_completions(file, completions)
        save_outcomes(file, outcomes)

    def sample_bank(self, file: Path) -> None:
        """Samples completions of the policy, before any GRPO, on the bank's rows, and judges them.

        A completion that is cut off at the token limit is judged as it stands, as in training.
        """
        bank = self.config.bank
        rows = [row for row in bank_rows(self.train_rows, bank.questions) for _ in range(bank.group_size)]
        with self._finite_logits(_UNTRAINED):
            sampled = self.engine.sample(
                rows, self.config.task.seed, lambda done: self._report(done, len(rows), "completions")
            )
        outcomes, _ = self._judged(rows, sampled)
        rollouts = [
            Rollout(row=row.id, completion=text, kind=judged.kind, prediction=judged.prediction, length=tokens)
            for row, (text, tokens), judged in zip(rows, sampled, outcomes, strict=True)
        ]
        save_bank(file, rollouts)


def _blame(job: TrainingJob, scoring: RewardSpec | None, fault: RewardFault) -> str:
    """The fault's reason, with the id of the reward at work where the job has several that could be meant."""
    on_trial = [spec for spec in job.rewards if not is_base(spec)]
    return fault.reason if scoring is None or on_trial == [scoring] else f"{scoring.id}: {fault.reason}"


def _keep_printed(folder: Path, rewards: Sequence[SandboxedReward]) -> None:
    """Writes what the rewards printed to a file, for a person to read. Nothing else reads it."""
    texts = [f"# {reward.spec.name}\n{reward.printed}" for reward in rewards if reward.printed]
    if texts:
        write_atomic(folder / "printed.txt", "\n".join(texts))
