"""How long the phases of an arm take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rewardsearch.train.engine import Phase


class PhaseClock:
    """Adds up wall seconds by phase. A phase within another one interrupts it: no second counts twice."""

    def __init__(self) -> None:
        self.seconds: dict[Phase, float] = {}
        self._running: list[Phase] = []
        self._since = 0.0

    @contextmanager
    def __call__(self, phase: Phase) -> Iterator[None]:
        self._book()
        self._running.append(phase)
        try:
            yield
        finally:
            self._book()
            self._running.pop()

    def so_far(self) -> dict[Phase, float]:
        """The seconds by phase until now."""
        self._book()
        return dict(self.seconds)

    def _book(self) -> None:
        now = time.perf_counter()
        if self._running:
            phase = self._running[-1]
            self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._since
        self._since = now
