"""Trackers and notifications: what a search passes on to other programs while it runs.

Each outlet is a file of this folder that runs in a process of its own (tasks/served/), behind a thread with a bounded queue. So
it prints nothing on the user's terminal, and one that hangs is killed at the end. An outlet that is missing, slow, or refused by
its server costs the search nothing but one warning; what it could not take is lost to it alone.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.records import CurvePoint, Ranking
from rewardsearch.run import events
from rewardsearch.run.progress import read_live
from rewardsearch.run.state import RunState
from rewardsearch.session.event_text import event_text, short_reason
from rewardsearch.tasks.served import CallFault, Served

QUEUED = 256
"""What an outlet may be behind; more is dropped."""
CLOSE_S = 10.0
"""How long the end of a session waits for an outlet that takes nothing."""
_CLOSE_MOST_S = 60.0
"""How long it waits for one that takes report after report."""
_CALL_S = 90.0
"""How long an outlet may take for one report while the search goes on."""
_LOOK_S = 30.0
_SECRETS = ("WANDB_API_KEY", "HF_TOKEN", "TRACKIO_WRITE_TOKEN")
"""Variables with the keys of trackers."""
_NUMBERS = ("reward", "candidate_reward", "exact_match", "length", "zero_std_fraction", "clipped", "parsed")
"""The fields of a step that trackers get."""


class Report(NamedTuple):
    """A call of the function of that name in an outlet's file.

    `curve(arm, steps)`: further steps of a training run, each its number and its values by name. `leaderboard(round, rows)`: a
    round is done. `notice(title, text)`: a person wants to know this now.
    """

    function: Literal["curve", "leaderboard", "notice"]
    args: tuple[Any, ...]


class OutletSpec(NamedTuple):
    """An outlet of a config. package: what has to be installed, with the `extra` of this project. variable: of a notifier, the
    environment variable with its address."""

    name: str
    file: str
    package: str
    extra: str
    variable: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot work here, and what to do; empty where it can."""
        if importlib.util.find_spec(self.package) is None:
            return f"needs the package {self.package}; pip install 'rewardsearch[{self.extra}]'"
        if self.variable and not os.environ.get(self.variable, "").strip():
            return f"needs an address; set the environment variable {self.variable}"
        return ""


_TRACKERS = {
    "tensorboard": OutletSpec("tensorboard", "tensorboard_files.py", "tensorboardX", "tensorboard"),
    "trackio": OutletSpec("trackio", "trackio_runs.py", "trackio", "trackio"),
    "wandb": OutletSpec("wandb", "wandb_runs.py", "wandb", "wandb"),
}


def outlets_of(config: Config) -> list[OutletSpec]:
    """The outlets that a config names."""
    notifiers = (OutletSpec(f"notify {each}", "notifier.py", "apprise", "notify", each) for each in config.notify)
    return [*(_TRACKERS[name] for name in config.trackers), *notifiers]


class Outlet:
    """An outlet at work. active: when the search last did anything, in seconds since 1970. A notifier sends a notice when that
    was more than `stall_s` ago, once for each such time; it is looked at every `look_s` seconds.

    warning: the rest of the sentence that begins with the outlet's name; empty while all is well.
    """

    def __init__(
        self,
        spec: OutletSpec,
        served: Served,
        active: Callable[[], float],
        stall_s: float,
        look_s: float = _LOOK_S,
    ) -> None:
        self.name, self.warning = spec.name, spec.missing
        self._notifies, self._served = bool(spec.variable), served
        self._secrets = (*_SECRETS, spec.variable)
        self._active, self._stall_s, self._look_s = active, stall_s, look_s
        self._stalled = False
        self._answered = time.monotonic()
        self._queue: queue.Queue[Report | None] = queue.Queue(QUEUED)
        self._thread = threading.Thread(target=self._work, name=f"outlet {spec.name}", daemon=True)
        if not self.warning:
            self._thread.start()

    def put(self, report: Report) -> None:
        """Has the outlet take a report when it comes to it; what it is not for is left out."""
        if self.warning or (report.function == "notice") != self._notifies:
            return
        try:
            self._queue.put_nowait(report)
        except queue.Full:
            self.warning = f"is {QUEUED} reports behind"

    def end(self) -> None:
        """Nothing more will be put."""
        self._answered = time.monotonic()
        with suppress(queue.Full):
            self._queue.put_nowait(None)

    def wait(self, until: float) -> None:
        """Waits after `end` for what is queued, at most until that time of the monotonic clock."""
        while self._thread.is_alive() and time.monotonic() < min(until, self._answered + CLOSE_S):
            self._thread.join(0.05)
        if self._thread.is_alive():
            self.warning = self.warning or "does not answer"
            self._served.kill()
            self._thread.join(CLOSE_S)

    def _work(self) -> None:
        try:
            self._served.started()
            while (report := self._next()) is not None:
                self._served.call(report.function, *report.args)
                self._answered = time.monotonic()
        except (CallFault, MachineError) as error:
            self.warning = self.warning or _without_secrets(str(error), self._secrets)
        finally:
            self._served.close()

    def _next(self) -> Report | None:
        while True:
            try:
                return self._queue.get(timeout=self._look_s)
            except queue.Empty:
                idle = time.time() - self._active()
                began, self._stalled = idle > self._stall_s and not self._stalled, idle > self._stall_s
                if began and self._notifies:
                    return Report("notice", ("stalled", f"nothing has happened for {idle / 60:.0f} min"))


class Outlets:
    """The outlets that a config names, of the run that `state` is of. `take` is called with each event of the journal. Use as a
    context manager. say: is given one warning for each outlet that failed."""

    def __init__(self, config: Config, state: RunState, say: Callable[[str], None]) -> None:
        self._state, self._say = state, say
        self._warned: set[str] = set()
        stall_s = 2 * 60 * config.train.stall_minutes
        self._outlets = [
            Outlet(spec, _serve(spec, config, state.folder.resolve()), self._active, stall_s)
            for spec in outlets_of(config)
        ]

    def __enter__(self) -> Outlets:
        self._warn()
        return self

    def __exit__(self, *_: object) -> None:
        until = time.monotonic() + _CLOSE_MOST_S
        for outlet in self._outlets:
            outlet.end()
        for outlet in self._outlets:
            outlet.wait(until)
        self._warn()

    def take(self, event: events.AnyEvent) -> None:
        """Passes an event on. Never raises for an outlet, and never waits."""
        if not self._outlets:
            return
        try:
            for report in self._reports(event):
                for outlet in self._outlets:
                    outlet.put(report)
        except Exception as error:
            self._say(f"warning: trackers and notifications miss an event ({type(error).__name__}: {error})")
        self._warn()

    def _reports(self, event: events.AnyEvent) -> Iterable[Report]:
        text = event_text(event, self._state)
        match event:
            case events.Trained(result=result) if result.status == "error":
                yield Report("notice", ("a training process broke down", text))
            case events.Trained(result=result) if result.trained:
                arm = result.id
                if arm in self._state.candidates:
                    arm = f"{self._state.candidates[arm].name}-{arm[:6]}"
                steps = [(point.step, _numbers(point)) for point in result.curves[-result.trained :]]
                yield Report("curve", (f"{arm}-seed{result.seed}", steps))
            case events.Ranked(round=number, ranking=ranking):
                yield Report("leaderboard", (number, _rows(ranking)))
                yield Report("notice", (f"round {number} is done", text))
            case events.Ended(status=status, reason=reason):
                title = "a budget is used up" if status == "budget" else status
                yield Report("notice", (title, short_reason(reason) or text))
            case _:
                return

    def _active(self) -> float:
        live = read_live(self._state.folder)
        return max(self._state.updated, live.updated if live else 0.0)

    def _warn(self) -> None:
        for outlet in self._outlets:
            if outlet.warning and outlet.name not in self._warned:
                self._warned.add(outlet.name)
                self._say(f"warning: {outlet.name} {outlet.warning}; the search goes on without it")


def _serve(spec: OutletSpec, config: Config, folder: Path) -> Served:
    """The process of an outlet, which is not started yet. It has the keys of no language model and of no other notifier."""
    settings = {"folder": str(folder), "run": folder.name, "variable": spec.variable}
    hidden = set(config.secret_variables) - {spec.variable}
    file = Path(__file__).with_name(spec.file)
    return Served(file, settings, hidden=hidden, quiet=True, repeat=False, call_s=_CALL_S, start_s=_CALL_S)


def _rows(ranking: Ranking) -> list[dict[str, Any]]:
    """The ranked rows, best first. candidate: whether it is one, unlike the baseline."""
    return [
        {
            "rank": row.rank,
            "name": row.name,
            "id": row.id,
            "f1": row.f1,
            "accuracy": row.accuracy,
            "gain": row.gain,
            "candidate": row.operator != "none",
        }
        for row in ranking.rows
        if row.rank is not None
    ]


def _numbers(point: CurvePoint) -> dict[str, float]:
    """The numbers of a step by their name; components by "components/NAME"."""
    found = {name: float(getattr(point, name)) for name in _NUMBERS}
    return found | {f"components/{name}": value for name, value in point.components.items()}


def _without_secrets(text: str, variables: Iterable[str]) -> str:
    """`text` with the name of each of these environment variables in the place of its value."""
    for name in variables:
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, f"${name}")
    return text
