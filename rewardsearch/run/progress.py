"""What a search reports while it runs, and the file in its folder that other processes read it from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import ValidationError

from rewardsearch.files import write_atomic
from rewardsearch.records import Record, SftResult, TrainingJob, TrainingResult

if TYPE_CHECKING:
    from rewardsearch.run.state import RunState

LIVE = "live.json"
"""In a run's folder while a search works on it: what it is doing."""
Unit = Literal["steps", "questions", "completions"]
_EVERY_S = 1.0


class Running(Record):
    """A job at work: `done` of `of` units. `begun` is what it had done when it was first heard of, `seconds` the time since.
    `folder` names it in the journal."""

    folder: str
    name: str
    done: int
    of: int
    unit: Unit
    begun: int
    seconds: float


class Live(Record):
    """What a search was doing at `updated`, in seconds since 1970."""

    doing: str
    running: tuple[Running, ...] = ()
    updated: float


class Progress(Protocol):
    """Shows a person what a search does."""

    def opened(self, state: RunState) -> None:
        """The run is open; `state` changes as the search goes on."""

    def say(self, line: str) -> None: ...

    def jobs(self, names: Iterable[str], steps: int) -> None:
        """Training runs begin: their names, and the step that the longest of them ends at."""

    def running(self, jobs: Sequence[Running]) -> None:
        """The jobs that are at work, whenever one of them has got further."""

    def sft_done(self, result: SftResult) -> None: ...

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None: ...


def read_live(folder: Path) -> Live | None:
    """What the search on the run in `folder` is doing; None where the file is missing or unreadable."""
    try:
        return Live.model_validate_json((folder / LIVE).read_bytes())
    except (OSError, ValidationError):
        return None


class Tracker:
    """Keeps what a search is doing, shows it on `shown`, and writes it once a second into the run's folder, from where
    `rewardsearch status` reads it. Use as a context manager; the file is gone at the end."""

    def __init__(self, shown: Progress, folder: Path) -> None:
        self._shown, self._folder = shown, folder
        self._doing = "starting"
        self._names: dict[str, str] = {}
        self._since: dict[tuple[str, Unit], tuple[float, int]] = {}
        self._running: dict[str, Running] = {}
        self._written = 0.0

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            (self._folder / LIVE).unlink(missing_ok=True)

    def say(self, line: str) -> None:
        self._shown.say(line)

    def doing(self, what: str) -> None:
        """What the search does next. What was running before has ended."""
        self._doing = what
        self._running.clear()
        self._changed(now=True)

    def jobs(self, names: Mapping[str, str], steps: int) -> None:
        """Training runs begin: their names by folder, and the step that the longest of them ends at."""
        self.doing("training")
        self._names.update(names)
        self._shown.jobs(names.values(), steps)

    def step(self, job: str, done: int, of: int, unit: Unit) -> None:
        """A job has done so many of its steps, or is evaluated on so many questions."""
        # The first step that is heard of may be the first of a segment that carries another on.
        started, begun = self._since.setdefault((job, unit), (time.monotonic(), done))
        self._running[job] = Running(
            folder=job,
            name=self._names.get(job, job),
            done=done,
            of=of,
            unit=unit,
            begun=begun,
            seconds=round(time.monotonic() - started, 1),
        )
        self._changed()

    def sft_done(self, result: SftResult) -> None:
        self.doing("")
        self._shown.sft_done(result)

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None:
        self._running.pop(job.folder, None)
        self._changed(now=True)
        self._shown.ended(job, result, name)

    def _changed(self, now: bool = False) -> None:
        running = tuple(self._running.values())
        self._shown.running(running)
        if not now and time.monotonic() - self._written < _EVERY_S:
            return
        self._written = time.monotonic()
        # It only serves to show; a search does not end for it.
        with contextlib.suppress(OSError):
            write_atomic(
                self._folder / LIVE,
                Live(doing=self._doing, running=running, updated=round(time.time(), 3)).model_dump_json() + "\n",
            )
