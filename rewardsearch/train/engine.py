"""Engines train and evaluate policies inside a training process. This is what one provides.

The config names it (`train.engine`): a built-in name, the name of an entry point, `package.module:Name`, or `file.py:Name`.
`rewardsearch.testing.engine` has the tests that every engine must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from rewardsearch.config import Config
from rewardsearch.files.plugins import load_plugin
from rewardsearch.records import CurvePoint, Demonstration, Device, Row, SftPoint, TrainingJob
from rewardsearch.tasks import Contrast, Generation, Reader, Vectors
from rewardsearch.train.worker.observe import Observer

ENGINES = {
    "trl": "rewardsearch.train.engines.trl.engine:TrlEngine",
    "lockstep": "rewardsearch.train.engines.lockstep.engine:LockstepEngine",
    "vllm": "rewardsearch.train.engines.vllm.engine:VllmEngine",
}
"""The built-in engines."""
OnDone = Callable[[int], None]
"""Called with the number of steps, questions or completions that are done."""
AfterStep = Literal["continue", "save", "pause"]
"""What an arm does after a step: it goes on, saves its progress and goes on, or saves its progress and ends."""
Phase = Literal["rollout", "reward", "update", "evaluate"]
"""What the time of an arm is spent on: sampling completions, scoring them, all else of training, and the evaluation."""


class Diverged(Exception):
    """A policy's weights or logits are not finite numbers; the text says which."""


@dataclass(frozen=True)
class Arm:
    """One reward arm to train: a fresh LoRA adapter under `job.seed`, trained to step `job.steps`.

    Which training rows come in which order, and the random numbers that sampling draws, must follow from `job.seed` alone,
    so that they are the same for every arm. The learning rate's schedule is laid out for `job.schedule` steps (None:
    `job.steps`).
    """

    job: TrainingJob
    rows: Sequence[Row]
    """The training rows."""
    observer: Observer
    """Scores the completions of a step with the arm's rewards, and records the step."""
    questions: Sequence[Row]
    """Evaluated greedily with the trained adapter."""
    adapter: Path | None = None
    """The folder that the trained adapter is saved in, in PEFT's format; None saves none."""
    start: Path | None = None
    """A folder that an earlier job on this arm saved as `checkpoint`: the training resumes there as if it had never stopped."""
    checkpoint: Path | None = None
    """The folder for what another job needs to resume, the observer's state included; written last, whole or not at all."""
    stop: Callable[[Sequence[CurvePoint]], str | None] = lambda points: None
    """Asked after every step with the curve so far. The training stops where it gives a reason, and saves no checkpoint."""
    on_question: OnDone = lambda done: None
    after_step: Callable[[], AfterStep] = lambda: "continue"
    """Asked after every step but the last, and after `stop`."""
    progress: Path | None = None
    """The folder for what `start` needs to resume after the step in hand, the observer's state included; written whole or not at
    all where `after_step` asks for it, in place of what was there. None: `after_step` asks for nothing."""
    seal: Callable[[Path, Mapping[Phase, float]], None] = lambda folder, seconds: None
    """Called with the folder of the progress when all is in it, before it takes the name `progress`, and with the seconds that
    the arm has taken in this call so far. It may add a file."""
    contrasts: Sequence[Contrast] = ()
    """What an arm of the method `contrastive` trains on, in the place of `rows`."""
    embed: bool = False
    """Whether the answers come with their embeddings, as `Reader.embed` gives them."""


@dataclass(frozen=True)
class Trained:
    """The end of an arm's training: why it stopped before its last step (None: it did not), and a completion a question.

    paused: it ended before its last step because `after_step` said so. Its progress is saved, and it was not evaluated.
    """

    stop_reason: str | None = None
    answers: Sequence[Generation] = ()
    seconds: Mapping[Phase, float] = field(default_factory=dict)
    """Wall seconds of this call by phase; of a phase that arms share, this arm's share."""
    paused: bool = False
    vectors: Vectors | None = None
    """The embeddings of the answers, where the arm asked for them."""


@dataclass(frozen=True)
class FineTuned:
    """The end of a supervised fine-tuning: demonstrations taught, those left out because they are too long, and the curve."""

    rows: int
    left_out: int
    curve: tuple[SftPoint, ...]


class Engine(Protocol):
    """Holds one policy, frozen, and trains adapters on it, one job after another.

    The policy is what `config.policy` names, under the adapter in the folder `start` where there is one (the fine-tuned policy).
    No job changes it: the same job gives the same result to the last bit, whatever ran before. Loading raises UserError where the
    policy cannot be loaded.
    """

    def __init__(self, config: Config, start: Path | None) -> None: ...

    @property
    def device(self) -> Device:
        """What this process trains on."""
        ...

    def train(self, arms: Sequence[Arm]) -> Iterator[tuple[Arm, Trained | Exception]]:
        """Trains and evaluates one or several arms, and gives each with its end as it ends, in any order.

        An arm of the method `contrastive` is trained on its pairs of texts, and its questions are embedded without answers.
        Where `observer.measures`, it is given a reader of the policy as it stands before each step's rewards are asked for.
        Arms may differ in rewards, seed, steps and start. The end of an arm depends on nothing but the arm. It is an exception
        where the arm diverged (Diverged), or its observer raised one (`observer.raised`); the other arms go on. Whatever else
        breaks down is raised, and ends all arms that are left.
        """
        ...

    def evaluate(self, rows: Sequence[Row], adapter: Path | None = None, on_done: OnDone = ...) -> list[Generation]:
        """Greedy completions of `rows` under a saved adapter, or the policy's own, at most `train.max_completion_tokens` each.

        They do not depend on how rows are put into batches. Raises Diverged where the policy without an adapter gives logits that
        are not finite; an adapter was checked when it was trained.
        """
        ...

    def sample(self, rows: Sequence[Row], seed: int, on_done: OnDone = ...) -> list[Generation]:
        """A sampled completion of each of `rows`, as training samples it. They follow from `seed`. Raises Diverged."""
        ...

    def reader(self, adapter: Path | None = None) -> AbstractContextManager[Reader]:
        """What a task measures with: the policy under a saved adapter, or the policy's own. It reads until the context ends."""
        ...

    def fine_tune(self, demonstrations: Sequence[Demonstration], adapter: Path, on_done: OnDone = ...) -> FineTuned:
        """Trains a fresh adapter on `demonstrations` as `config.sft` says, and saves it in the folder `adapter`.

        Raises UserError where the loss or the weights are not finite, and where no demonstration is short enough.
        """
        ...


def load_engine(config: Config, start: Path | None) -> Engine:
    """The engine that `train.engine` names, with its policy loaded. Raises UserError where nothing has that name."""
    engine: Engine = load_plugin("engine", config.train.engine, ENGINES, "train.engine")(config, start)
    return engine
