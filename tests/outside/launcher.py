"""A launcher in a file of its own: it runs jobs in the search's own process, one after the other.

train:
  launcher: tests/outside/launcher.py:InProcess
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.errors import RewardSearchError
from rewardsearch.train.launcher import Done, Job, MayStart, OnStep
from rewardsearch.train.worker.jobs import Worker


class InProcess:
    def __init__(self, run: Path, config: Config) -> None:
        self._worker = Worker(run, config)

    def run(self, jobs: Sequence[Job], may_start: MayStart, on_step: OnStep) -> Iterator[Done]:
        for job in jobs:
            if not may_start():
                return
            try:
                self._worker.carry_out(job, on_step)
            except RewardSearchError:
                raise
            except Exception as error:
                yield Done(job.id, error=f"{type(error).__name__}: {error}")
            else:
                yield Done(job.id)

    def close(self) -> None:
        self._worker.close()
