"""What a running search shows: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rewardsearch.cli.tables import print_lines
from rewardsearch.cli.time_left import time_left, told_time
from rewardsearch.config import Config
from rewardsearch.records import POLICY, Outcome, SftResult, TrainingJob, TrainingResult
from rewardsearch.run.progress import Running
from rewardsearch.run.sft_files import SFT
from rewardsearch.stats import f1_accuracy

if TYPE_CHECKING:
    from rewardsearch.run.state import RunState


def scores_text(outcomes: Iterable[Outcome]) -> str:
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
        f"before: {scores_text(result.before)} of val",
        f"after:  {scores_text(result.after)} of val",
    )


class SearchProgress:
    """Implements progress.Progress on a console: bars on a terminal, plain lines anywhere else. Use as a context manager."""

    def __init__(self, console: Console, config: Config) -> None:
        self._console = console
        self.told_sft = False
        """Whether a fine-tuning has been told."""
        self._tuned = config.sft.enabled
        self._state: RunState | None = None
        self._running: tuple[Running, ...] = ()
        self._live = console.is_terminal
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
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

    def opened(self, state: RunState) -> None:
        self._state = state

    def say(self, line: str) -> None:
        print_lines(self._console, line)

    def jobs(self, names: Iterable[str], steps: int) -> None:
        names = list(names)
        self.say(f"  training {len(names)} to step {steps}: {', '.join(names)}")

    def running(self, jobs: Sequence[Running]) -> None:
        self._running = tuple(jobs)
        for ended in self._bars.keys() - {job.folder for job in jobs}:
            self._progress.remove_task(self._bars.pop(ended))
        for job in jobs if self._live else ():
            if job.folder not in self._bars:
                self._bars[job.folder] = self._progress.add_task(job.name, unit=job.unit)
            left = self.time_left() if job.unit == "steps" else ""
            self._progress.update(
                self._bars[job.folder],
                completed=job.done,
                total=job.of,
                unit=job.unit,
                description=f"{job.name}  {left}".rstrip(),
            )

    def tuned(self, result: SftResult) -> None:
        self.told_sft = True
        for line in tuned_told(result):
            self.say(f"  {SFT} {line}")

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None:
        id = "" if job.id == POLICY or name.startswith(job.id) else f" {job.id[:6]}"
        self.say(f"  {name}{id} {self._outcome(result)}")

    def time_left(self) -> str:
        """Such as "about 4 min of training left"; empty while nothing has been measured, and where none is left."""
        return told_time(time_left(self._state, self._running)) if self._state else ""

    def _outcome(self, result: TrainingResult) -> str:
        if result.status != "done":
            return f"{result.status}: {result.reason}"
        after = f"after {result.steps} steps" if result.id != POLICY else "before GRPO" if self._tuned else "untrained"
        text = f"{after}: {scores_text(result.outcomes)}, {result.seconds:.0f} s"
        if result.ended:
            text += f"; ended early: {result.ended}"
        left = "" if self._live or not result.steps else self.time_left()
        return f"{text}  ({left})" if left else text
