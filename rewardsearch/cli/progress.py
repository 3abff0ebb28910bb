"""What a running search shows: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from rewardsearch.cli.planned import planned_steps
from rewardsearch.config import Config
from rewardsearch.records import POLICY, Outcome, ScreenJob, ScreenResult, SftResult
from rewardsearch.stats import f1_accuracy
from rewardsearch.tuned import SFT


def scores_told(outcomes: Iterable[Outcome]) -> str:
    """The scores that a line of progress has room for."""
    metrics = f1_accuracy(outcomes)
    scores = f"F1 {metrics.f1:.3f}, accuracy {metrics.accuracy:.3f}"
    if metrics.macro_f1 is not None:
        scores = f"F1 {metrics.f1:.2f}, macro F1 {metrics.macro_f1:.2f}, "
        scores += f"precision {metrics.precision:.2f}, recall {metrics.recall:.2f}"
    return f"{scores} on {metrics.n} questions"


def tuned_told(result: SftResult) -> tuple[str, ...]:
    """A fine-tuning in lines: its curve's ends, then the scores on `val` before and after."""
    first, last = result.curve[0], result.curve[-1]
    left = f"; {result.left_out:,} longer than sft.max_tokens left out" if result.left_out else ""
    return (
        f"loss {first.loss:.3f} -> {last.loss:.3f} nats a token in {result.steps:,} steps on {result.rows:,} demonstrations, "
        f"{result.seconds:.0f} s{left}",
        f"before: {scores_told(result.before)} of val",
        f"after:  {scores_told(result.after)} of val",
    )


class SearchProgress:
    """Implements progress.Progress on a console. Use as a context manager.

    The time left is that of the training steps still planned, at the pace of this session so far; the reading of the sealed
    test comes on top. Where screens are raced it is the most that training can take.
    """

    def __init__(self, console: Console, config: Config, steps_done: int) -> None:
        self._console = console
        self.told_sft = False
        """Whether a fine-tuning has been told."""
        self._tuned = config.sft.enabled
        self._left = max(0, planned_steps(config) - steps_done)
        self._taken = 0
        self._clock: float | None = None
        self._names: dict[str, str] = {}
        self._steps: dict[str, int] = {}
        self._live = console.is_terminal
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self._live,
        )

    def __enter__(self) -> SearchProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def jobs(self, names: Mapping[str, str], steps: int) -> None:
        self._names.update(names)
        self._clock = self._clock or time.monotonic()
        self.say(f"  training {len(names)} to step {steps}: {', '.join(names.values())}")

    def step(self, job: str, step: int, of: int) -> None:
        # The first step that is told may be the first of a stretch that carries another on.
        before = self._steps.get(job, step - 1)
        self._steps[job] = step
        self._taken += max(0, step - before)
        if job not in self._bars:
            self._bars[job] = self._progress.add_task(self._names.get(job, job), total=of)
        self._progress.update(
            self._bars[job], completed=step, description=f"{self._names.get(job, job)}  {self.time_left()}"
        )

    def tuning(self, step: int, of: int) -> None:
        if SFT not in self._bars:
            self._bars[SFT] = self._progress.add_task(SFT, total=of)
        self._progress.update(self._bars[SFT], completed=step)

    def tuned(self, result: SftResult) -> None:
        if SFT in self._bars:
            self._progress.remove_task(self._bars.pop(SFT))
        self.told_sft = True
        for line in tuned_told(result):
            self.say(f"  {SFT} {line}")

    def ended(self, job: ScreenJob, result: ScreenResult, name: str) -> None:
        if job.folder in self._bars:
            self._progress.remove_task(self._bars.pop(job.folder))
        id = "" if job.id == POLICY or name.startswith(job.id) else f" {job.id[:6]}"
        self.say(f"  {name}{id} {self._outcome(result)}")

    def time_left(self) -> str:
        """Such as "at most 4 min of training left"; empty while nothing has been measured, and where none is left."""
        if not self._clock or self._taken < 2 or self._left <= self._taken:
            return ""
        seconds = (self._left - self._taken) * (time.monotonic() - self._clock) / self._taken
        return f"at most {f'{seconds / 60:.0f} min' if seconds >= 90 else f'{seconds:.0f} s'} of training left"

    def _outcome(self, result: ScreenResult) -> str:
        if result.status != "done":
            return f"{result.status}: {result.reason}"
        after = f"after {result.steps} steps" if result.id != POLICY else "before GRPO" if self._tuned else "untrained"
        text = f"{after}: {scores_told(result.outcomes)}, {result.seconds:.0f} s"
        if result.ended:
            text += f"; ended early: {result.ended}"
        left = "" if self._live or not result.steps else self.time_left()
        return f"{text}  ({left})" if left else text
