"""A launcher in a file of its own: it runs jobs in the search's own process, one after the other.

train:
  launcher: tests/outside/launcher.py:InProcess
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import RewardSearchError
from rewardsearch.train.launcher import Done, Job, MayContinue, MayStart, OnStep
from rewardsearch.train.worker.jobs import Worker


class InProcess:
    def __init__(self, run: Path, config: Config) -> None:
        self._worker = Worker(run, config)

    device_seconds = 0.0  # of accelerators that are held; counts against budget.gpu_hours

    def run(
        self, jobs: Sequence[Job], may_start: MayStart, may_continue: MayContinue, on_step: OnStep
    ) -> Iterator[Done]:
        for job in jobs:
            if not may_start() or not may_continue():
                return
            try:
                ((_, end),) = self._worker.carry_out([job], on_step, may_continue)
            except RewardSearchError:
                raise
            except Exception as error:
                end = error
            error = f"{type(end).__name__}: {end}" if isinstance(end, Exception) else None
            yield Done(job.id, error, paused=end == "paused")

    def close(self) -> None:
        self._worker.close()
