"""What a running search shows: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from rewardsearch.config import Config
from rewardsearch.records import ScreenResult


def planned_runs(config: Config) -> int:
    """Training runs of a whole search: the baseline, every candidate, and finalize's ensemble and control."""
    final = config.finalize
    return 1 + config.rounds * config.candidates + (1 + bool(final.random_k) if final.enabled else 0)


class SearchProgress:
    """Implements search.Progress on a console. Use as a context manager.

    The time left is that of the training steps still planned, at the pace of this session so far.
    """

    def __init__(self, console: Console, config: Config, runs_done: int) -> None:
        self._console = console
        self._left = max(0, planned_runs(config) - runs_done) * config.screen.steps
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
        self.say(f"  training {len(names)}: {', '.join(names.values())} ({steps} steps each)")

    def step(self, id: str, step: int, of: int) -> None:
        before = self._steps.get(id, 0)
        self._steps[id] = step
        self._taken += max(0, step - before)
        if id not in self._bars:
            self._bars[id] = self._progress.add_task(self._names.get(id, id), total=of)
        self._progress.update(
            self._bars[id], completed=step, description=f"{self._names.get(id, id)}  {self.time_left()}"
        )

    def ended(self, result: ScreenResult, name: str) -> None:
        if result.id in self._bars:
            self._progress.remove_task(self._bars.pop(result.id))
        self.say(f"  {name} {result.id[:6] if name != result.id else ''} {self._outcome(result)}".rstrip())

    def time_left(self) -> str:
        """Such as "4 min left"; empty while nothing has been measured."""
        if not self._clock or self._taken < 2:
            return ""
        seconds = max(0, self._left - self._taken) * (time.monotonic() - self._clock) / self._taken
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"

    def _outcome(self, result: ScreenResult) -> str:
        if result.status != "done":
            return f"{result.status}: {result.reason}"
        correct = sum(outcome.kind == "correct" for outcome in result.outcomes)
        accuracy = correct / len(result.outcomes)
        text = f"F1 {2 * accuracy / (1 + accuracy):.3f}, accuracy {accuracy:.3f} on val, {result.seconds:.0f} s"
        left = "" if self._live or not result.steps else self.time_left()
        return f"{text}  ({left})" if left else text
