"""A search whose training and test are played by functions: seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.records import (
    Candidate,
    Outcome,
    RewardSpec,
    Rollout,
    SftPoint,
    SftResult,
    TrainingJob,
    TrainingResult,
    Verdict,
)
from rewardsearch.rewards.sandbox import SandboxPool
from rewardsearch.run.artifacts import ADAPTER, SFT, load_result, save_bank, save_outcomes, save_result, save_sft
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.progress import Running
from rewardsearch.run.state import RunState
from rewardsearch.session import steps
from rewardsearch.tasks.base import Task
from rewardsearch.train.launcher import (
    LAUNCHERS,
    Done,
    EvaluateTest,
    FineTune,
    Job,
    MayContinue,
    MayStart,
    OnStep,
    TrainArm,
)
from rewardsearch.validation import validate
from rewardsearch.validation.probes import ROWS

SMALL: dict[str, Any] = {
    "rounds": 1,
    "candidates": 2,
    "task": {"train_rows": 64, "val_rows": 20, "test_rows": 20},
    "bank": {"enabled": False},
    "train": {"baseline_seeds": 1},
    "race": {"enabled": False},
    "rank": {"resamples": 100},
    "finalize": {"enabled": False},
    # Verdicts must not depend on how busy the machine is.
    "sandbox": {"call_s": 60},
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
    """Carries out a search's jobs by functions: what it trained, what ends otherwise, and when the user steps in."""

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
    bank: Sequence[Rollout] = ()
    """What is sampled as the rollout bank."""
    observe: Callable[[TrainingJob, TrainingResult, Config], TrainingResult] = lambda job, result, config: result
    """Adds to a result what a training shows."""
    before_test: Callable[[], None] = lambda: None
    after_run: Callable[[str], None] = lambda id: None
    play: Callable[[TrainingJob], tuple[Outcome, ...]] = lambda job: outcomes(job.id, round(20 * (job.questions or 1)))
    play_test: Callable[[str], tuple[Outcome, ...]] = lambda name: outcomes(name)
    """Of a policy on the sealed test, by the name of its file."""

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While it lasts, it takes the place of the launcher `local`, and no search validates what another one did."""
        before, _current[:] = _current[:], [self]
        local, LAUNCHERS["local"] = LAUNCHERS["local"], "played:Played"
        validate, steps.validate = steps.validate, validate_once
        try:
            yield
        finally:
            _current[:], LAUNCHERS["local"], steps.validate = before, local, validate

    def fine_tune(self, run: Path, config: Config, on_step: OnStep) -> None:
        """A fine-tuning whose adapter is a line of text."""
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

    def train(self, job: TrainingJob, run: Path, config: Config) -> str | None:
        """The result of a job; its reason where it ends in an infrastructure error."""
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
            shown = self.observe(job, result, config)
            save_result(run / job.folder, shown, fingerprint("training", config, job))
        self.after_run(job.id)
        return self.reason if status == "error" else None


_current: list[Trainer] = []


class Played:
    """The launcher of the Trainer that is in place."""

    device_seconds = 0.0

    def __init__(self, run: Path, config: Config) -> None:
        self.folder, self.config = run, config

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        (trainer,) = _current
        if any(isinstance(job, EvaluateTest) for job in jobs):
            trainer.before_test()
        for job in jobs:
            if not may_start() or not may_continue():
                return
            error = None
            if isinstance(job, TrainArm):
                error = trainer.train(job.training, self.folder, self.config)
            elif isinstance(job, EvaluateTest):
                trainer.tested.append(job.id)
                save_outcomes(self.folder / job.file, trainer.play_test(Path(job.file).stem))
            elif isinstance(job, FineTune):
                trainer.fine_tune(self.folder, self.config, on_step)
            else:
                save_bank(Path(job.file), trainer.bank)
            yield Done(job.id, error)

    def close(self) -> None: ...


_verdicts: dict[str, list[Verdict]] = {}


def validate_once(
    candidates: Sequence[Candidate],
    task: Task,
    config: Config,
    pool: SandboxPool | None = None,
    bank: Sequence[Rollout] | None = None,
    base: Sequence[RewardSpec] = (),
    earlier: Sequence[Candidate] = (),
) -> list[Verdict]:
    """The real verdicts; kept, so that the same candidates of the same task and settings cost the sandbox's seconds once."""
    settings = config.model_dump_json(include={"task", "policy", "validation", "bank", "sandbox"})
    inputs = (tuple(candidates), tuple(base), tuple(earlier), tuple(bank or ()), tuple(task.labelled(ROWS)))
    key = f"{settings} {bank is None} {task.description} {inputs!r}"
    if key not in _verdicts:
        _verdicts[key] = validate(candidates, task, config, pool, bank, base, earlier)
    return list(_verdicts[key])
