"""The jobs of a training process: screens, the fine-tuning, the rollout bank, readings of the test."""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import write_atomic
from rewardsearch.records import (
    DIVERGED,
    FULL,
    Batch,
    Completion,
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
from rewardsearch.train.divergence import Diverged, logits_checked
from rewardsearch.train.evaluate import Answers, evaluate
from rewardsearch.train.grpo import train
from rewardsearch.train.observe import Scored, is_base
from rewardsearch.train.policy import Policy, device_of, load_policy
from rewardsearch.train.sample import sample
from rewardsearch.train.sft import tune
from rewardsearch.train.watch import alarms, hopeless

Say = Callable[[dict[str, Any]], None]
_UNTRAINED = "it is so before any training; take another policy.model or policy.dtype"
_MAXRSS_MB = 1024 * 1024 if sys.platform == "darwin" else 1024


class Worker:
    """Does jobs on one policy, with rewards in `sandbox`, which stays warm between them; `say` reports progress."""

    def __init__(self, run: Path, config: Config, sandbox: Sandbox, say: Say) -> None:
        self.run, self.config, self.say = run, config, say
        self.task = load_task(config.task)
        self._sandbox = sandbox
        self._environment = environment_of(config, device_of(config))
        self._faulty: str | None = None
        self._steps = 0
        self._message = ""

    @cached_property
    def policy(self) -> Policy:
        """The policy that every job but fine-tuning starts from. Raises MachineError where its fine-tuning is missing."""
        if not self.config.sft.enabled:
            return load_policy(self.config.policy)
        folder = self.run / SFT
        if load_sft(folder, fingerprint("sft", self.config)) is None:
            raise MachineError(f"the fine-tuned policy in {folder} is missing or damaged")
        return load_policy(self.config.policy, folder / ADAPTER)

    @cached_property
    def train_rows(self) -> list[Row]:
        return self.task.rows("train")

    @cached_property
    def ranked_rows(self) -> list[Row]:
        return self.task.rows(self.config.ranked_on)

    def train(self, job: TrainingJob) -> TrainingResult:
        """Trains and evaluates; the result is on disk, whole, before this returns."""
        started = time.monotonic()
        folder = self.run / job.folder
        folder.mkdir(parents=True, exist_ok=True)
        before = self._before(job)
        self._steps = before.steps if before else 0
        try:
            with logits_checked(self.policy.base):
                found, completions = self._train_and_evaluate(job, folder, before)
        except RewardFault as fault:
            flags = ("changes later",) if fault.kind == "changed" else ()
            found = {"status": "failed", "reason": self._blame(job, fault), "steps": self._steps, "flags": flags}
            completions = ()
        except Diverged as error:
            where = f"diverged at step {self._steps}: " if job.steps else ""
            found = {"status": "failed", "reason": f"{where}{error}", "steps": self._steps, "flags": (DIVERGED,)}
            completions = ()
        result = TrainingResult(
            id=job.id,
            rung=job.rung,
            seed=job.seed,
            trained=found["steps"] - (before.steps if before else 0),
            seconds=round(time.monotonic() - started + (before.seconds if before else 0), 2),
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_MB, 1),
            environment=self._environment,
            **found,
        )
        save_result(folder, result, fingerprint("training", self.config, job), completions)
        if job.start is not None:
            # What comes after this segment carries on from its end.
            shutil.rmtree(self.run / job.start / CHECKPOINT, ignore_errors=True)
        return result

    def _before(self, job: TrainingJob) -> TrainingResult | None:
        """The result of the segment that `job` carries on; None where there is none, or its checkpoint is gone."""
        if job.start is None or not (self.run / job.start / CHECKPOINT).is_dir():
            return None
        try:
            check_files(self.run / job.start, CHECKPOINT)
        except ArtifactError:
            return None
        return load_result(self.run / job.start)

    def _blame(self, job: TrainingJob, fault: RewardFault) -> str:
        """The fault's reason, with the reward's name where the job has several that could be meant."""
        others = [spec for spec in job.rewards if not is_base(spec)]
        own = len(others) == 1 and self._faulty == others[0].id
        return fault.reason if own or self._faulty is None else f"{self._faulty}: {fault.reason}"

    def _train_and_evaluate(
        self, job: TrainingJob, folder: Path, before: TrainingResult | None
    ) -> tuple[dict[str, Any], tuple[Completion, ...]]:
        """The fields of the result, and what was answered."""
        rows = self.ranked_rows[: math.ceil((job.questions or 1) * len(self.ranked_rows))]
        if job.steps == 0:
            answers = self._evaluate(self.policy.base, rows)
            return {"status": "done", "steps": 0, "outcomes": answers.outcomes}, answers.completions
        watch = self.config.watch
        with ExitStack() as stack:
            forgiven = before.faults if before else {}
            sandboxed = [(spec, self._sandboxed(spec, job.seed, forgiven.get(spec.id, 0))) for spec in job.rewards]
            stack.callback(self._keep_printed, folder, sandboxed)
            model = stack.enter_context(self.policy.fresh_adapter(job.seed))
            trained = train(
                model,
                self.policy,
                self.task,
                self.train_rows,
                job,
                [(spec, self._watched(spec, reward)) for spec, reward in sandboxed],
                self.config.train,
                lambda step: self._stepped(job, step),
                start=self.run / job.start / CHECKPOINT if job.start and before else None,
                keep=folder / CHECKPOINT if job.rung != FULL else None,
                stop=lambda points: hopeless(points, watch) if watch.end_early else None,
            )
            observer, steps = trained.observer, len(trained.observer.curves())
            if steps != job.steps and trained.stop_reason is None:
                raise MachineError(f"trained {steps} of {job.steps} steps")
            nonfinite = sum(point.grad_norm is None for point in observer.curves())
            if nonfinite == steps:
                raise Diverged("the gradient was not finite at any step")
            if job.rung == FULL:
                model.save_pretrained(str(folder / "adapter"))
            answers = self._evaluate(model, rows)
            faults = {spec.id: reward.faults for spec, reward in sandboxed if reward.faults}
        found = alarms(observer.curves(), watch)
        fields = {
            "status": "done",
            "steps": steps,
            "stop_reason": trained.stop_reason,
            "outcomes": answers.outcomes,
            "curves": observer.curves(),
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
        return fields, answers.completions

    def _stepped(self, job: TrainingJob, step: int) -> None:
        self._steps = step
        self._done(step, job.steps)

    def _done(self, done: int, of: int, unit: Unit = "steps") -> None:
        """Reports how far the job in hand is."""
        self.say({"event": "step", "id": self._message, "step": done, "of": of, "unit": unit})

    def _sandboxed(self, spec: RewardSpec, seed: int, faults: int) -> SandboxedReward:
        limits = self.config.sandbox
        return SandboxedReward(self._sandbox, spec, limits.failures, limits.rechecks, seed, faults)

    def _keep_printed(self, folder: Path, sandboxed: Sequence[tuple[RewardSpec, SandboxedReward]]) -> None:
        """What the rewards printed, for a person to read; it goes to nobody else."""
        texts = [f"# {spec.name}\n{reward.printed}" for spec, reward in sandboxed if reward.printed]
        if texts:
            write_atomic(folder / "printed.txt", "\n".join(texts))

    def _watched(self, spec: RewardSpec, reward: SandboxedReward) -> Callable[[Batch], Scored]:
        def score(batch: Batch) -> Scored:
            self._faulty = spec.id
            return reward(batch)

        return score

    def _evaluate(self, model: Any, rows: list[Row]) -> Answers:
        settings = self.config.train
        return evaluate(
            model,
            self.policy,
            self.task,
            rows,
            settings.max_completion_tokens,
            settings.eval_batch_size,
            on_batch=lambda done: self._done(done, len(rows), "questions"),
        )

    @contextmanager
    def _finite_logits(self, remedy: str) -> Iterator[None]:
        """While it lasts, logits of the policy that are not finite raise UserError with `remedy`."""
        try:
            with logits_checked(self.policy.base):
                yield
        except Diverged as error:
            raise UserError(f"{error}: {remedy}") from None

    def tune(self) -> SftResult:
        """Fine-tunes the policy, which later jobs start from; the run's folder of it is whole before this returns."""
        started = time.monotonic()
        sft, rows = self.config.sft, self.task.rows("val")
        folder = self.run / SFT
        # What a killed process left there is not whole.
        shutil.rmtree(folder, ignore_errors=True)
        self.policy = load_policy(self.config.policy)
        with self._finite_logits(_UNTRAINED):
            before = self._evaluate(self.policy.base, rows).outcomes
        tuned = tune(
            self.policy,
            self.task.demonstrations(),
            sft,
            folder / ADAPTER,
            lambda step: self._done(step, sft.steps),
        )
        # Two policies need not fit beside each other; what later jobs load is what is evaluated here.
        del self.policy
        self.policy = load_policy(self.config.policy, folder / ADAPTER)
        with self._finite_logits(f"SFT diverged; lower sft.learning_rate, got {sft.learning_rate:g}"):
            after = self._evaluate(self.policy.base, rows).outcomes
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

    def read_test(self, adapter: str | None, out: Path) -> None:
        """Evaluates a saved adapter (None: the policy without one) on the sealed test split, into the file `out`."""
        with self.policy.saved_adapter(self.run / adapter if adapter else None) as model:
            answers = self._evaluate(model, self.task.rows("test"))
        # The outcomes last: where they are, all is there.
        save_completions(out, answers.completions)
        save_outcomes(out, answers.outcomes)

    def sample_bank(self) -> tuple[Rollout, ...]:
        """Completions of the policy, before any GRPO, on the bank's rows, with their outcomes."""
        bank, settings = self.config.bank, self.config.train
        asked = bank_rows(self.train_rows, bank.questions)
        completions = len(asked) * bank.group_size
        return sample(
            self.policy,
            self.task,
            asked,
            group_size=bank.group_size,
            seed=self.config.task.seed,
            max_tokens=settings.max_completion_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            batch_size=settings.eval_batch_size,
            on_batch=lambda done: self._done(done, completions, "completions"),
        )

    def do(self, message: dict[str, Any]) -> dict[str, Any]:
        self._message = message["id"]
        if message["kind"] == "train":
            job = TrainingJob.model_validate(message["job"])
            self.train(job)
        elif message["kind"] == SFT:
            self.tune()
        elif message["kind"] == "bank":
            with self._finite_logits(_UNTRAINED):
                save_bank(Path(message["out"]), self.sample_bank())
        else:
            self.read_test(message["adapter"], self.run / message["out"])
        return {"event": "done", "id": message["id"]}
