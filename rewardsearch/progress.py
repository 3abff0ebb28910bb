"""What a search tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rewardsearch.records import ScreenJob, ScreenResult, SftResult


class Progress(Protocol):
    """What a search tells while it runs."""

    def say(self, line: str) -> None: ...

    def jobs(self, names: Mapping[str, str], steps: int) -> None: ...

    def step(self, job: str, step: int, of: int) -> None: ...

    def tuning(self, step: int, of: int) -> None: ...

    def tuned(self, result: SftResult) -> None: ...

    def ended(self, job: ScreenJob, result: ScreenResult, name: str) -> None: ...
