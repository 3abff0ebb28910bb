"""What a training process does with its jobs: it has the engine do the work, and writes the results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import assert_never

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Completion, Outcome, Rollout, Row, SftResult
from rewardsearch.run.artifacts import (
    ADAPTER,
    SFT,
    load_sft,
    save_bank,
    save_completions,
    save_outcomes,
    save_sft,
)
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import Unit
from rewardsearch.tasks import Generation, Vectors
from rewardsearch.tasks.questions import bank_rows
from rewardsearch.train.engine import Diverged, Engine, OnDone, Trained, load_engine
from rewardsearch.train.launcher import EvaluateTest, FineTune, Job, MayContinue, OnStep, SampleBank, TrainArm
from rewardsearch.train.worker.arms import ArmRun, End
from rewardsearch.train.worker.observe import step_seed
from rewardsearch.train.worker.workplace import Workplace

_UNTRAINED = "it is so before any training; take another policy.model or policy.dtype"


class Worker(Workplace):
    """Carries out jobs on the run in the folder `run`. Engine and sandbox stay warm between jobs, until close()."""

    def __init__(self, run: Path, config: Config) -> None:
        super().__init__(run, config)
        self._report: Callable[[int, int, Unit], None] = lambda done, of, unit: None

    @cached_property
    def engine(self) -> Engine:
        """The engine on the policy that every job but fine-tuning starts from. Raises MachineError where its SFT is missing."""
        if not self.config.sft.enabled:
            return self._load(None)
        folder = self.run / SFT
        if load_sft(folder, fingerprint("sft", self.config)) is None:
            raise MachineError(f"the fine-tuned policy in {folder} is missing or damaged")
        return self._load(folder / ADAPTER)

    def _load(self, start: Path | None) -> Engine:
        """Raises UserError for an engine that cannot do what the task needs."""
        engine = load_engine(self.config, start)
        if self.task.measures is not None and not hasattr(engine, "reader"):
            raise UserError(
                f"train.engine: got {self.config.train.engine}, which has no `reader`; the task {self.task.name} measures "
                "completions with one: take trl, lockstep or vllm, or add it to the engine"
            )
        return engine

    def carry_out(
        self, jobs: Sequence[Job], on_step: OnStep, may_continue: MayContinue = lambda: True
    ) -> Iterator[tuple[str, End]]:
        """Writes the complete results of `jobs`, TrainArm jobs all or a single one, and gives each by its id as it ends.

        Training is paused after the step in hand once `may_continue` says no. What breaks down with one arm alone is given as
        its end. Raises UserError, MachineError, or whatever else broke down; the jobs that were not given yet are not done then.
        """
        arms = [job for job in jobs if isinstance(job, TrainArm)]
        if arms:
            yield from self._train(arms, on_step, may_continue)
        for job in jobs:
            self._report = partial(on_step, job.id)
            match job:
                case TrainArm():
                    continue
                case FineTune():
                    self.fine_tune()
                case SampleBank():
                    self.sample_bank(self.run / job.file)
                case EvaluateTest():
                    self.evaluate_test(job.adapter, self.run / job.file, job.bare)
                case _:
                    assert_never(job)
            yield job.id, "done"

    def _train(self, jobs: Sequence[TrainArm], on_step: OnStep, may_continue: MayContinue) -> Iterator[tuple[str, End]]:
        began, device = time.monotonic(), self.engine.device
        runs = {
            job.training.folder: ArmRun(self, job.training, device, partial(on_step, job.id), may_continue)
            for job in jobs
        }
        ids = {job.training.folder: job.id for job in jobs}
        if not may_continue():
            yield from ((job.id, "paused") for job in jobs)
            return
        for run in runs.values():
            run.loaded(began, len(runs))
        untrained = [run for run in runs.values() if not run.job.steps]
        for run in untrained:
            yield ids[run.job.folder], run.end(self._evaluate_policy(run))
        arms = [run.arm for run in runs.values() if run.job.steps]
        for arm, end in self.engine.train(arms) if arms else ():
            yield ids[arm.job.folder], runs[arm.job.folder].end(end)

    def _evaluate_policy(self, run: ArmRun) -> Trained | Diverged:
        began = time.monotonic()
        try:
            answers, vectors = self._answered(run.asked, None, run.answered, run.job.bare)
        except Diverged as error:
            return error
        return Trained(answers=answers or (), vectors=vectors, seconds={"evaluate": time.monotonic() - began})

    def _evaluated(
        self, rows: Sequence[Row], adapter: Path | None = None, bare: bool = False
    ) -> tuple[tuple[Outcome, ...], tuple[Completion, ...]]:
        """The outcomes and completions of `rows`, whose passages are answered greedily."""
        asked = self.passages(rows)
        return self.judged(
            rows, *self._answered(asked, adapter, lambda done: self._report(done, len(asked), "questions"), bare)
        )

    def _answered(
        self, asked: Sequence[Row], adapter: Path | None, on_done: OnDone, bare: bool = False
    ) -> tuple[list[Generation] | None, Vectors | None]:
        """Greedy answers, None where texts are embedded bare, and the embeddings for a task that measures."""
        answers = None if bare else self.engine.evaluate(asked, adapter, on_done)
        if self.task.measures is None:
            return answers, None
        texts = [""] * len(asked) if answers is None else [answer.text for answer in answers]
        with self.engine.reader(adapter) as reader:
            return answers, reader.embed(list(zip(asked, texts, strict=True)))

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
        self.engine = self._load(None)
        with self._finite_logits(_UNTRAINED):
            before, _ = self._evaluated(rows)
        tuned = self.engine.fine_tune(
            self.task.demonstrations(), folder / ADAPTER, lambda step: self._report(step, sft.steps, "steps")
        )
        # Two policies need not fit beside each other; what later jobs load is what is evaluated here.
        del self.engine
        self.engine = self._load(folder / ADAPTER)
        with self._finite_logits(f"SFT diverged; lower sft.learning_rate, got {sft.learning_rate:g}"):
            after, _ = self._evaluated(rows)
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

    def evaluate_test(self, adapter: str | None, file: Path, bare: bool = False) -> None:
        """Evaluates a saved adapter (None: the policy without one) on the sealed test split, into `file`. bare: without
        rationales."""
        rows = self.task.rows("test")
        outcomes, completions = self._evaluated(rows, self.run / adapter if adapter else None, bare)
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
        asked = self._measured(rows, sampled)
        answered = [(row, answer.text, answer.tokens) for row, answer in zip(asked, sampled, strict=True)]
        rollouts = [
            Rollout(
                row=row.id,
                completion=text,
                kind=judged.kind,
                prediction=judged.prediction,
                length=tokens,
                measured=row.measured,
            )
            for (row, text, tokens), judged in zip(answered, self.task.outcomes(answered), strict=True)
        ]
        save_bank(file, rollouts)

    def _measured(self, rows: list[Row], sampled: list[Generation]) -> list[Row]:
        """The bank's rows with what the policy measures of their completions, as many questions at once as in a step."""
        measures, size = self.task.measures, self.config.bank.group_size * self.config.train.prompts_per_step
        if measures is None:
            return rows
        found: list[Row] = []
        with self.engine.reader(None) as reader:
            for start in range(0, len(rows), size):
                part = slice(start, start + size)
                seed = step_seed(self.config.task.seed, start)
                found += measures.in_training(reader, rows[part], sampled[part], seed)
        return found
