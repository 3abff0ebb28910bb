"""Trackers and notifications: what a search passes on to other programs while it runs.

Each outlet works in a thread of its own with a bounded queue. One that is missing, slow, or refused by its server costs the
search nothing but one warning; what it could not take is lost to it alone.
"""

from __future__ import annotations

import importlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rewardsearch.config import Config
from rewardsearch.records import CurvePoint, Ranking
from rewardsearch.run import events
from rewardsearch.run.progress import read_live
from rewardsearch.run.state import RunState
from rewardsearch.session.event_text import event_text, short_reason

QUEUED = 256
"""What an outlet may be behind; more is dropped."""
_CLOSE_S = 10.0
"""How long the end of a session waits for all outlets together."""
_LOOK_S = 30.0
_SECRETS = ("WANDB_API_KEY", "HF_TOKEN")
_MISSING = "the package is missing: pip install 'rewardsearch[{name}]'"


class Outlet(Protocol):
    """Takes what a search reports. Every method may raise, which ends the outlet, and may take its time."""

    def curve(self, arm: str, points: Sequence[CurvePoint]) -> None:
        """Further steps of a training run, named `arm`."""

    def leaderboard(self, round: int, ranking: Ranking) -> None:
        """A round is done."""

    def notice(self, title: str, text: str) -> None:
        """A person wants to know this now."""

    def close(self) -> None: ...


class Thread:
    """An outlet in its thread. open: makes the outlet. active: when the search last did anything, in seconds since 1970."""

    def __init__(self, name: str, open: Callable[[], Outlet], active: Callable[[], float], stall_s: float) -> None:
        self.name, self.warning = name, ""
        self._open, self._active, self._stall_s = open, active, stall_s
        self._stalled = False
        self._queue: queue.Queue[Callable[[Outlet], None] | None] = queue.Queue(QUEUED)
        self._thread = threading.Thread(target=self._work, name=f"outlet-{name}", daemon=True)
        self._thread.start()

    def put(self, call: Callable[[Outlet], None]) -> None:
        """Has the outlet carry out `call` when it comes to it."""
        if self.warning or not self._thread.is_alive():
            return
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            self.warning = f"it is {QUEUED} reports behind"

    def close(self, seconds: float) -> None:
        with suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.warning = self.warning or "it does not answer"

    def _work(self) -> None:
        try:
            outlet = self._open()
            while (call := self._next(outlet)) is not None:
                call(outlet)
            outlet.close()
        except ImportError:
            self.warning = _MISSING.format(name=self.name.partition(" ")[0])
        except BaseException as error:
            self.warning = _without_secrets(f"{type(error).__name__}: {error}".splitlines()[0])

    def _next(self, outlet: Outlet) -> Callable[[Outlet], None] | None:
        while True:
            try:
                return self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                idle = time.time() - self._active()
                if idle > self._stall_s and not self._stalled:
                    outlet.notice("stalled", f"nothing has happened for {idle / 60:.0f} min")
                self._stalled = idle > self._stall_s


class Outlets:
    """The outlets that a config names, of the run that `state` is of. `take` is called with each event of the journal. Use as a
    context manager. say: is given one warning for each outlet that failed."""

    def __init__(self, config: Config, state: RunState, say: Callable[[str], None]) -> None:
        self._state, self._say, self._name = state, say, state.folder.resolve().name
        self._warned: set[str] = set()
        stall_s = 2 * 60 * config.train.stall_minutes
        self._threads = [
            Thread(name, open, self._active, stall_s) for name, open in outlets_of(config, state.folder, self._name)
        ]

    def __enter__(self) -> Outlets:
        return self

    def __exit__(self, *_: object) -> None:
        end = time.monotonic() + _CLOSE_S
        for thread in self._threads:
            thread.close(max(0.0, end - time.monotonic()))
        self._warn()

    def take(self, event: events.AnyEvent) -> None:
        """Passes an event on. Never raises for an outlet, and never waits."""
        if not self._threads:
            return
        try:
            for call in self._calls(event):
                for thread in self._threads:
                    thread.put(call)
        except Exception as error:
            self._say(f"warning: trackers and notifications miss an event ({type(error).__name__}: {error})")
        self._warn()

    def _calls(self, event: events.AnyEvent) -> Iterable[Callable[[Outlet], None]]:
        text = event_text(event, self._state)
        match event:
            case events.Trained(result=result) if result.status == "error":
                yield lambda outlet: outlet.notice("a training process broke down", text)
            case events.Trained(result=result):
                arm = result.id
                if arm in self._state.candidates:
                    arm = f"{self._state.candidates[arm].name}-{arm[:6]}"
                name = f"{arm}-seed{result.seed}"
                yield lambda outlet: outlet.curve(name, result.curves[-result.trained :] if result.trained else ())
            case events.Ranked(round=number, ranking=ranking):
                yield lambda outlet: outlet.leaderboard(number, ranking)
                yield lambda outlet: outlet.notice(f"round {number} is done", text)
            case events.Ended(status=status, reason=reason):
                title = "a budget is used up" if status == "budget" else status
                why = short_reason(reason) or text
                yield lambda outlet: outlet.notice(title, why)
            case _:
                return

    def _active(self) -> float:
        live = read_live(self._state.folder)
        return max(self._state.updated, live.updated if live else 0.0)

    def _warn(self) -> None:
        for thread in self._threads:
            if thread.warning and thread.name not in self._warned:
                self._warned.add(thread.name)
                self._say(f"warning: {thread.name}: {thread.warning}; the search goes on without it")


def outlets_of(config: Config, folder: Path, run: str) -> Iterable[tuple[str, Callable[[], Outlet]]]:
    """The name of each outlet, and what makes it in its thread."""

    def tracker(name: str) -> Callable[[], Outlet]:
        def open() -> Outlet:
            made: Outlet = importlib.import_module(f"rewardsearch.session.outlets.{name}").open(folder, run)
            return made

        return open

    def notifier(variable: str) -> Callable[[], Outlet]:
        def open() -> Outlet:
            from rewardsearch.session.outlets.notifier import Notifier

            return Notifier(run, variable)

        return open

    for name in config.trackers:
        yield name, tracker(f"{name}_files" if name == "tensorboard" else f"{name}_runs")
    for variable in config.notify:
        yield f"notify {variable}", notifier(variable)


def board_rows(ranking: Ranking) -> list[dict[str, float | str | None]]:
    """The ranked rows, as trackers show them."""
    return [
        {"rank": row.rank, "name": row.name, "id": row.id, "f1": row.f1, "accuracy": row.accuracy, "gain": row.gain}
        for row in ranking.rows
        if row.rank is not None
    ]


def scalars(point: CurvePoint) -> dict[str, float]:
    """The numbers of a step by their name; components by "components/NAME"."""
    names = ("reward", "candidate_reward", "exact_match", "length", "zero_std_fraction", "clipped", "parsed")
    found = {name: float(getattr(point, name)) for name in names}
    return found | {f"components/{name}": value for name, value in point.components.items()}


def _without_secrets(text: str) -> str:
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, f"${name}")
    return text[:200]
