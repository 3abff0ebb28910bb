"""A search whose training and test are played by functions: seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.records import Outcome, SftPoint, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.artifacts import ADAPTER, SFT, load_outcomes, load_result, save_outcomes, save_result, save_sft
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import Running
from rewardsearch.run.state import RunState
from rewardsearch.train import TestEvaluation

SMALL: dict[str, Any] = {
    "rounds": 1,
    "candidates": 2,
    "task": {"train_rows": 64, "val_rows": 20, "test_rows": 20},
    "bank": {"enabled": False},
    "train": {"baseline_seeds": 1},
    "race": {"enabled": False},
    "rank": {"resamples": 100},
    "finalize": {"enabled": False},
}
"""A search that is a loop and no more: one seed, no bank, no race, nothing at the end. What a test is about, it adds."""


class Quiet:
    """A search.Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def opened(self, state: RunState) -> None: ...

    def jobs(self, names: Iterable[str], steps: int) -> None: ...

    def running(self, jobs: Sequence[Running]) -> None: ...

    def sft_done(self, result: SftResult) -> None: ...

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None: ...


def outcomes(text: str, questions: int = 20) -> tuple[Outcome, ...]:
    """Outcomes that follow from a text alone."""
    right = 3 + int.from_bytes(text.encode()[-2:], "big") % 15
    return answered(right, questions)


def answered(right: int, questions: int = 20) -> tuple[Outcome, ...]:
    """The first `right` of the questions right, the others wrong."""
    return tuple(
        Outcome(id=f"q{i}", kind="correct" if i < right else "wrong", gold="7", prediction="7", length=3)
        for i in range(questions)
    )


@dataclass
class Trainer:
    """Stands for the worker processes: what it trained, what ends otherwise, and when the user steps in."""

    trained: list[str] = field(default_factory=list)
    """Arms, in order, one for every run or segment of one."""
    jobs: list[TrainingJob] = field(default_factory=list)
    tunings: int = 0
    """Supervised fine-tunings."""
    adapter: str = "tuned"
    """What the weights of a fine-tuning are."""
    tuned_right: int = 15
    """Of 20 questions, after a fine-tuning; before it 5."""
    tested: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    """Infrastructure errors that an arm's runs still end in, before one is done."""
    reason: str = "because"
    """Of what ends otherwise."""
    flags: tuple[str, ...] = ()
    """Of what fails."""
    before_test: Callable[[], None] = lambda: None
    after_run: Callable[[str], None] = lambda id: None
    play: Callable[[TrainingJob], tuple[Outcome, ...]] = lambda job: outcomes(job.id, round(20 * (job.questions or 1)))

    def tune(self, run: Path, config: Config, workers: Any, may_start: Any, on_step: Any) -> SftResult | None:
        """A fine-tuning whose adapter is a line of text."""
        if not may_start():
            return None
        self.tunings += 1
        adapter = run / SFT / ADAPTER
        adapter.mkdir(parents=True, exist_ok=True)
        (adapter / "adapter_model.safetensors").write_text(self.adapter, encoding="utf-8")
        curve = tuple(SftPoint(step=n, loss=2.0 / n, learning_rate=0.1) for n in range(1, config.sft.steps + 1))
        for point in curve:
            on_step(SFT, point.step, config.sft.steps, "steps")
        result = SftResult(
            fingerprint=fingerprint("sft", config),
            rows=config.task.train_rows,
            steps=config.sft.steps,
            seconds=3.0,
            curve=curve,
            before=answered(5),
            after=answered(self.tuned_right),
        )
        save_sft(run / SFT, result)
        self.after_run(SFT)
        return result

    def train(
        self, jobs: Sequence[TrainingJob], workers: Any, run: Path, config: Config, may_start: Any, on_step: Any
    ) -> Iterator[tuple[TrainingJob, TrainingResult]]:
        for job in jobs:
            mark = fingerprint("training", config, job)
            known = load_result(run / job.folder, mark)
            if known is not None:
                yield job, known
                continue
            if not may_start():
                return
            self.trained.append(job.id)
            self.jobs.append(job)
            status: Any = self.ends.get(job.id, "done")
            if self.errors.get(job.id):
                self.errors[job.id] -= 1
                status = "error"
            before = load_result(run / job.start) if job.start else None
            result = TrainingResult(
                id=job.id,
                rung=job.rung,
                seed=job.seed,
                steps=job.steps,
                trained=job.steps - (before.steps if before else 0),
                status=status,
                reason=None if status == "done" else self.reason,
                flags=self.flags if status == "failed" else (),
                outcomes=self.play(job) if status == "done" else (),
            )
            if status != "error":
                save_result(run / job.folder, result, mark)
            self.after_run(job.id)
            yield job, result

    def read_test(
        self, readings: Sequence[TestEvaluation], workers: Any, run: Path, may_start: Any, on_step: Any
    ) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
        self.before_test()
        for each in readings:
            path = run / each.file
            if load_outcomes(path) is None:
                self.tested.append(each.name)
                save_outcomes(path, outcomes(each.name + each.fingerprint))
            yield each.name, load_outcomes(path) or ()
