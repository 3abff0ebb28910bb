"""`rewardsearch watch`: a run in a terminal while a search works on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardsearch.cli.options import RunArgument
from rewardsearch.cli.tables import make_console, print_whole
from rewardsearch.cli.watch_view import view

_EVERY_S = 1.0
_SHARE = 10
"""A reading of the journal is followed by a pause of as many times its length: the search needs the processor."""


class Watched:
    """The run that `run` names, read from its folder alone. The journal is read again when it has grown."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._folder: Path | None = None
        self._size = -1
        self._next = 0.0
        self._state: Any = None
        self._stands: dict[str, Any] = {}

    def read(self) -> Mapping[str, Any]:
        """Where the run stands. Raises UserError while there is no run, and other errors of this package."""
        from rewardsearch.run.journal import JOURNAL, in_use, read_events, read_run
        from rewardsearch.session.runs import find_run
        from rewardsearch.session.standing import doing, standing

        self._folder = self._folder or find_run(self._run)
        began = time.monotonic()
        size, working = (self._folder / JOURNAL).stat().st_size, in_use(self._folder)
        ended = bool(self._stands) and self._stands["status"] == "running" and not working
        if (size != self._size or ended) and began >= self._next:
            events = read_events(self._folder) if size else []
            self._state = read_run(self._folder, events or None)
            self._stands = standing(self._state, events)
            self._size = size
            self._next = time.monotonic() + _SHARE * (time.monotonic() - began)
        return self._stands | doing(self._state, working)


def watch(run: RunArgument) -> None:
    """Show a run live: leaderboard, curves, time left.

    Also spend against budgets and the last events. Reads the folder alone; Ctrl-C ends it and the search goes on. Without
    a terminal it prints once.
    """
    console = make_console()
    watched = Watched(run)
    try:
        if console.is_terminal:
            _follow(watched, run)
        for line in view(watched.read(), console.width):
            print_whole(console, line)
    except KeyboardInterrupt:
        return


def _follow(watched: Watched, run: str) -> None:
    """Shows the run until it is finished."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from rewardsearch.errors import RewardSearchError

    console = Console(highlight=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                stands = watched.read()
                lines = view(stands, console.width, console.height)
                if stands["status"] == "finished":
                    return
            except (RewardSearchError, OSError) as error:
                # The run may not be there yet, or a file of it is being replaced.
                lines = [f"waiting for {run}", *str(error).splitlines()]
            live.update(Text("\n".join(lines), no_wrap=False), refresh=True)
            time.sleep(_EVERY_S)
