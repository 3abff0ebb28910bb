"""What a benchmark shows of the searches that it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console

from rewardsearch.records import SftResult, TrainingJob, TrainingResult
from rewardsearch.run.progress import Running
from rewardsearch.run.state import RunState


class Quiet:
    """A Progress that tells lines alone, to standard error."""

    def __init__(self, console: Console, of: str) -> None:
        self._console, self._of = console, of

    def say(self, line: str) -> None:
        self._console.print(f"{self._of}: {line}", markup=False, highlight=False, soft_wrap=True)

    def opened(self, state: RunState) -> None: ...

    def jobs(self, names: Iterable[str], steps: int) -> None: ...

    def running(self, jobs: Sequence[Running]) -> None: ...

    def sft_done(self, result: SftResult) -> None: ...

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None: ...
