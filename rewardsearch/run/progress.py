"""What a search reports while it runs, to the user and, through a file in the run folder, to other processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import ValidationError

from rewardsearch.files import write_atomic
from rewardsearch.records import CurvePoint, Record, SftResult, TrainingJob, TrainingResult

if TYPE_CHECKING:
    from rewardsearch.run.state import RunState

LIVE = "live.json"
"""The file in a run's folder that says what the search is doing. It is there while the search runs."""
CURVE = ".curve.json"
"""In the folder of a training run on this machine: its curve so far. It is there while the run is at work."""
Unit = Literal["steps", "questions", "completions"]
_EVERY_S = 1.0
"""The least time between two writings of a file."""
_POINTS = 120
"""Points of a curve that are written; of a longer one the means of as many parts."""


class Running(Record):
    """A running job: `done` of `of` units. `begun` is what was done at its first report, `seconds` the time since then. `folder`
    names it in the journal."""

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


class LiveCurve(Record):
    """The curve of a training run so far, of all its steps, oldest first."""

    reward: tuple[float, ...]
    exact_match: tuple[float, ...]


class CurveFile:
    """Writes the curve of the training run in `folder`, once a second at most. A file that cannot be written is left out."""

    def __init__(self, folder: Path) -> None:
        self._path, self._written = folder / CURVE, 0.0

    def write(self, points: Callable[[], Sequence[CurvePoint]]) -> None:
        if time.monotonic() - self._written < _EVERY_S:
            return
        self._written = time.monotonic()
        found = points()
        curve = LiveCurve(
            reward=thinned([point.reward for point in found]),
            exact_match=thinned([point.exact_match for point in found]),
        )
        with contextlib.suppress(OSError):
            write_atomic(self._path, curve.model_dump_json() + "\n", durable=False)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_curve(folder: Path) -> LiveCurve | None:
    """The curve of the training run at work in `folder`; None where the file is missing or unreadable."""
    try:
        return LiveCurve.model_validate_json((folder / CURVE).read_bytes())
    except (OSError, ValidationError):
        return None


def thinned(values: Sequence[float], most: int = _POINTS) -> tuple[float, ...]:
    """The values, or the means of `most` equal parts of them where they are more."""
    if len(values) <= most:
        return tuple(round(value, 4) for value in values)
    ends = [round(i * len(values) / most) for i in range(most + 1)]
    return tuple(round(fmean(values[start:end]), 4) for start, end in pairwise(ends))


class Progress(Protocol):
    """Shows a person what a search does."""

    def opened(self, state: RunState) -> None:
        """The run is open; `state` changes as the search goes on."""

    def say(self, line: str) -> None: ...

    def jobs(self, names: Iterable[str], steps: int) -> None:
        """Training runs begin: their names, and the step that the longest of them ends at."""

    def running(self, jobs: Sequence[Running]) -> None:
        """The running jobs, whenever one of them has advanced."""

    def sft_done(self, result: SftResult) -> None: ...

    def ended(self, job: TrainingJob, result: TrainingResult, name: str) -> None: ...


def read_live(folder: Path) -> Live | None:
    """What the search on the run in `folder` is doing; None where the file is missing or unreadable."""
    try:
        return Live.model_validate_json((folder / LIVE).read_bytes())
    except (OSError, ValidationError):
        return None


class Tracker:
    """Passes what a search is doing on to `shown`, and writes it once a second into the run's folder for `rewardsearch status`.
    Use as a context manager, which removes the file at the end."""

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
        """What the search does next. All jobs of the step before have ended."""
        self._doing = what
        self._running.clear()
        self._changed(now=True)

    def jobs(self, names: Mapping[str, str], steps: int) -> None:
        """Training runs begin: their names by folder, and the step that the longest of them ends at."""
        self.doing("training")
        self._names.update(names)
        self._shown.jobs(names.values(), steps)

    def step(self, job: str, done: int, of: int, unit: Unit) -> None:
        """A job has done so many steps, or answered so many questions."""
        # The first step that is reported may be the first of a segment that continues another.
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
        # A search does not end because its progress cannot be shown.
        with contextlib.suppress(OSError):
            write_atomic(
                self._folder / LIVE,
                Live(doing=self._doing, running=running, updated=round(time.time(), 3)).model_dump_json() + "\n",
                durable=False,
            )
