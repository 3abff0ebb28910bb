"""What a running search shows: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from rewardsearch.config import Config
from rewardsearch.finalize import plan
from rewardsearch.records import POLICY, ScreenJob, ScreenResult
from rewardsearch.stats import f1_accuracy


def planned_runs(config: Config) -> int:
    """Training runs of a whole search at most: the baseline with its seeds, every candidate, and those of finalize."""
    final = plan(config).runs if config.finalize.enabled else 0
    return len(config.baseline_seeds) + config.rounds * config.candidates + final


def planned_steps(config: Config) -> int:
    """Training steps of a whole search at most: what the bank refuses and the race drops is spared."""
    final = plan(config).steps if config.finalize.enabled else 0
    return (len(config.baseline_seeds) + config.rounds * config.candidates) * config.screen.steps + final


class SearchProgress:
    """Implements trials.Progress on a console. Use as a context manager.

    The time left is that of the training steps still planned, at the pace of this session so far. Where screens are raced it
    is the most that it can take.
    """

    def __init__(self, console: Console, config: Config, steps_done: int) -> None:
        self._console = console
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

    def ended(self, job: ScreenJob, result: ScreenResult, name: str) -> None:
        if job.folder in self._bars:
            self._progress.remove_task(self._bars.pop(job.folder))
        id = "" if name.startswith(job.id) else f" {job.id[:6]}"
        self.say(f"  {name}{id} {self._outcome(result)}")

    def time_left(self) -> str:
        """Such as "at most 4 min left"; empty while nothing has been measured."""
        if not self._clock or self._taken < 2:
            return ""
        seconds = max(0, self._left - self._taken) * (time.monotonic() - self._clock) / self._taken
        return f"at most {seconds / 60:.0f} min left" if seconds >= 90 else f"at most {seconds:.0f} s left"

    def _outcome(self, result: ScreenResult) -> str:
        if result.status != "done":
            return f"{result.status}: {result.reason}"
        metrics = f1_accuracy(result.outcomes)
        after = "untrained" if result.id == POLICY else f"after {result.steps} steps"
        text = (
            f"{after}: F1 {metrics.f1:.3f}, accuracy {metrics.accuracy:.3f} on {metrics.n} questions, "
            f"{result.seconds:.0f} s"
        )
        if result.ended:
            text += f"; ended early: {result.ended}"
        left = "" if self._live or not result.steps else self.time_left()
        return f"{text}  ({left})" if left else text
