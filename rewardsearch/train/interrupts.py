"""Ctrl-C while jobs run: the first one is noted, so that running jobs can be paused, and the next one ends them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noted_interrupt() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether SIGINT came, or SIGTERM where that is handled. While it lasts, the first of them is only
    noted; the next one is handled as before. Outside the main thread nothing is noted."""
    noted = False
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(*_: Any) -> None:
        nonlocal noted
        noted = True
        restore()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: noted
    finally:
        restore()
