"""What a running search shows: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from rewardsearch.cli.tables import print_lines
from rewardsearch.config import Config
from rewardsearch.records import TrainingJob, TrainingResult
from rewardsearch.run.progress import Running
from rewardsearch.session.progress import LineProgress


class SearchProgress(LineProgress):
    """A LineProgress on a console, with a bar for each running job on a terminal. Use as a context manager."""

    def __init__(self, console: Console, config: Config) -> None:
        super().__init__(config, lambda line: print_lines(console, line))
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

    def running(self, jobs: Sequence[Running]) -> None:
        super().running(jobs)
        for ended in self._bars.keys() - {job.folder for job in jobs}:
            self._progress.remove_task(self._bars.pop(ended))
        left = self.time_left() if self._live and any(job.unit == "steps" for job in jobs) else ""
        for job in jobs if self._live else ():
            if job.folder not in self._bars:
                self._bars[job.folder] = self._progress.add_task(job.name, unit=job.unit)
            shown = left if job.unit == "steps" else ""
            self._progress.update(
                self._bars[job.folder],
                completed=job.done,
                total=job.of,
                unit=job.unit,
                description=f"{job.name}  {shown}".rstrip(),
            )

    def ended(self, job: TrainingJob, result: TrainingResult, name: str, left: bool = True) -> None:
        # The bars have the time left.
        super().ended(job, result, name, left and not self._live)
