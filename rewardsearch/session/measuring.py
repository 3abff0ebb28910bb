"""Measures how fast a search would train here: a few steps with the base rewards, and one batch of the evaluation.

It goes through the search's own launcher and engine, with as many processes and arms side by side as the search would have, in a
temporary run folder. Nothing of it is in a run or in the cache. A process begins with a step that does not count: it compiles,
and fills caches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files import scratch_prefix, write_atomic
from rewardsearch.files.resources import resource
from rewardsearch.records import BASELINE, TrainingJob, TrainingResult
from rewardsearch.rewards.base import load_base_rewards, read_code
from rewardsearch.rewards.definitions import with_definitions
from rewardsearch.run.artifacts import SFT, copy_sft, load_sft, sft_cache
from rewardsearch.run.devices import slots_of
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import training_job
from rewardsearch.session.estimating import Measured
from rewardsearch.session.pace import EVALUATION, Pace
from rewardsearch.session.pending import Rows, planned
from rewardsearch.session.validating import candidate_of
from rewardsearch.tasks import Task, load_task
from rewardsearch.train import Launcher, check_plugins, fine_tune, start_launcher, train
from rewardsearch.validation import validate

STEPS = 3
"""Of a measured training run; the first is not measured."""


@dataclass(frozen=True)
class _Run:
    """A measured training run: its result, and when it had done each step and all, in seconds from when it was handed over."""

    result: TrainingResult
    steps: Sequence[float]
    done: float

    @property
    def step(self) -> float:
        """Seconds of a step after the first."""
        return (self.steps[-1] - self.steps[0]) / (len(self.steps) - 1)

    @property
    def question(self) -> float:
        """Seconds of a question; an engine that reports no phases has saved the adapter in it too."""
        return self.result.phases.get(EVALUATION, self.done - self.steps[-1]) / len(self.result.outcomes)


def measure(config: Config, rows: Rows) -> Measured:
    """rows: of the task. Takes a start of the training processes, four steps and two batches of the evaluation; with
    train.arms above 1 seven steps and three batches.

    Raises UserError where the policy cannot be loaded or trained, MachineError where a process breaks down.
    """
    began = time.monotonic()
    check_plugins(config)
    slots, arms = _side_by_side(config, rows)
    small = _small(config, slots, arms)
    task = load_task(small.task)
    with TemporaryDirectory(prefix=scratch_prefix("estimate")) as name:
        folder = Path(name)
        write_atomic(folder / "config.yaml", small.to_yaml())
        with start_launcher(folder, small) as launcher:
            bench = _Bench(folder, small, task, launcher)
            tuning = bench.fine_tune()
            cold = bench.train(slots * arms, 1)
            alone = bench.train(slots, STEPS)
            together = bench.train(slots * arms, STEPS) if arms > 1 else alone
            measured = _measured(cold, alone, together, slots, arms, tuning)
            completions = config.train.completions_per_step
            rollouts = [run.result.phases["rollout"] for run in together if "rollout" in run.result.phases]
    return measured.model_copy(
        update={
            "sampled": fmean(rollouts) / STEPS / completions if rollouts else None,
            "validated": _validation(task, config),
            "seconds": round(time.monotonic() - began, 1),
        }
    )


def _side_by_side(config: Config, rows: Rows) -> tuple[int, int]:
    """The processes that a search has at work at a time at most, and the arms of each."""
    most = max((math.ceil(batch.trainings.high) for batch in planned(config, rows)), default=1)
    slots = max(1, min(slots_of(config), most))
    return slots, max(1, min(config.train.arms, math.ceil(most / slots)))


def _small(config: Config, slots: int, arms: int) -> Config:
    """The config of the temporary run."""
    ranked = min(config.task.val_rows, config.train.eval_batch_size)
    tuned = config.sft.enabled and load_sft(sft_cache(config), fingerprint("sft", config)) is not None
    # A fine-tuning from the cache is that of all rows.
    task = config.task if tuned else config.task.model_copy(update={"val_rows": ranked})
    sft = config.sft if tuned else config.sft.model_copy(update={"steps": STEPS})
    train = config.train.model_copy(update={"slots": slots, "arms": arms, "retries": 0})
    watch = config.watch.model_copy(update={"enabled": False})
    return config.model_copy(update={"paper_protocol": False, "task": task, "sft": sft, "train": train, "watch": watch})


class _Tuning(NamedTuple):
    """Seconds of a step of a fine-tuning, and of all of it; it loads the policy and evaluates a batch, before and after."""

    step: float
    seconds: float


class _Bench:
    """The temporary run: carries out its jobs, and notes when they have done what."""

    def __init__(self, folder: Path, config: Config, task: Task, launcher: Launcher) -> None:
        self._folder, self._config, self._launcher = folder, config, launcher
        self._base = load_base_rewards(config.train.base_rewards, task.reward_code)
        self._questions = min(1.0, config.train.eval_batch_size / len(task.rows("val")))
        self._steps: dict[str, list[float]] = {}
        self._number = 0

    def train(self, count: int, steps: int) -> list[_Run]:
        """Trains the baseline `count` times side by side, and evaluates it on a batch."""
        jobs = []
        for _ in range(count):
            self._number += 1
            job = training_job(BASELINE, (), self._base, self._config.seed, steps)
            update = {
                "folder": f"measured/{self._number}",
                "schedule": self._config.train.steps,
                "questions": self._questions,
            }
            jobs.append(job.model_copy(update=update))
        self._steps.clear()
        began = time.monotonic()
        runs = []
        for job, result in train(
            jobs, self._launcher, self._folder, self._config, lambda: True, lambda: True, self._on_step
        ):
            done = time.monotonic() - began
            self._check(job, result, steps)
            runs.append(_Run(result, [at - began for at in self._steps[job.folder]], done))
        return runs

    def fine_tune(self) -> _Tuning | None:
        """Puts a fine-tuned policy into the run where a search has one; None where nothing was trained for it."""
        if not self._config.sft.enabled:
            return None
        cache = sft_cache(self._config)
        if load_sft(cache, fingerprint("sft", self._config)) is not None:
            copy_sft(cache, self._folder / SFT)
            return None
        began = time.monotonic()
        fine_tune(self._folder, self._config, self._launcher, lambda: True, self._on_step)
        at = self._steps[SFT]
        return _Tuning((at[-1] - at[0]) / (len(at) - 1), time.monotonic() - began)

    def _on_step(self, job: str, done: int, of: int, unit: str) -> None:
        if unit == "steps":
            self._steps.setdefault(job, []).append(time.monotonic())

    def _check(self, job: TrainingJob, result: TrainingResult, steps: int) -> None:
        if result.status == "failed":
            raise UserError(f"the baseline cannot be trained: {result.reason}")
        if result.status == "error":
            raise MachineError(f"no step could be measured: {result.reason}{self._last_words()}")
        if len(self._steps.get(job.folder, ())) != steps:
            raise MachineError(f"train.launcher: {self._config.train.launcher} does not report each training step")

    def _last_words(self) -> str:
        """The last line of each log, which goes with the temporary run."""
        logs = sorted((self._folder / "logs").glob("*.log"))
        lines = (log.read_text(encoding="utf-8", errors="replace").split("\n") for log in logs)
        last = (next((line.strip() for line in reversed(each) if line.strip()), "") for each in lines)
        return "".join(f"; {line}" for line in last if line)


def _measured(
    cold: Sequence[_Run], alone: Sequence[_Run], together: Sequence[_Run], slots: int, arms: int, tuning: _Tuning | None
) -> Measured:
    """cold: the first runs of the processes. alone: one arm a process. together: `arms` arms a process."""
    questions = len(alone[0].result.outcomes)
    step, question = fmean(run.step for run in alone), fmean(run.question for run in alone)
    run = max(0.0, fmean(run.done for run in alone) - STEPS * step - questions * question)
    shared = shared_question = 0.0
    if arms > 1 and _overlap(together) > slots:
        # Steps beside one another take the time of all arms; the time of an evaluation is one arm's share.
        step, shared = _line(step, fmean(each.step for each in together), arms)
        question, shared_question = _line(question, arms * fmean(each.question for each in together), arms)
    pace = Pace(step=step, step_shared=shared, question=question, question_shared=shared_question, run=run)
    start = max(each.done for each in cold) - pace.of([(1, questions)] * arms)
    if tuning is not None:
        # The process was started by the fine-tuning.
        start = max(start, (tuning.seconds - STEPS * tuning.step - pace.of([(0, 2 * questions)])) / 2)
    results = [each.result for each in together]
    return Measured(
        pace=pace.model_copy(update={"start": max(0.0, start)}),
        sft_step=tuning.step if tuning else None,
        completion_tokens=fmean(point.length for each in results for point in each.curves),
        answer_tokens=fmean(outcome.length for each in results for outcome in each.outcomes),
        device=results[0].environment.device if results[0].environment else None,
    )


def _line(one: float, several: float, arms: int) -> tuple[float, float]:
    """What each arm adds, and what all share, where one takes `one` and `arms` take `several`."""
    each = min(max(0.0, (several - one) / (arms - 1)), one)
    return each, one - each


def _overlap(runs: Sequence[_Run]) -> int:
    """How many runs are between their first and their last step at the same time at most."""
    return max(sum(other.steps[0] <= run.steps[0] < other.steps[-1] for other in runs) for run in runs)


def _validation(task: Task, config: Config) -> float:
    """Seconds that the validation of one candidate takes."""
    code = with_definitions(read_code(resource("candidates") / "start" / "right_or_nothing.py"), task.reward_code)
    base = load_base_rewards(config.train.base_rewards, task.reward_code)
    return validate([candidate_of(code, "right_or_nothing")], task, config, base=base)[0].seconds
