"""How much training a search has left, in seconds: what is pending, at the pace of what it has trained."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rewardsearch.session.pace import Pace, Place, duration, pace_of
from rewardsearch.session.pending import Between, Rows, pending

if TYPE_CHECKING:
    from rewardsearch.run.progress import Running
    from rewardsearch.run.state import RunState

_CLOSE = 1.25
"""A range whose ends are no further apart than this is one number."""


def time_left(state: RunState, running: Iterable[Running] = ()) -> Between | None:
    """Seconds of training and evaluation that are left, at least and at most; None while nothing has been trained that gives a
    pace.

    running: the jobs that are at work. What comes on top: proposing, validating.
    """
    training = [job for job in running if job.unit == "steps"]
    taken = sum(job.done - job.begun for job in training)
    pace = pace_of(state)
    if pace is None and taken:
        pace = Pace(step=sum(job.seconds for job in training) / taken)
    if pace is None:
        return None
    place = Place.of(state.config)
    busy = math.ceil(len(training) / place.arms)
    # The memory that is free now says little about how many processes the search has.
    wall, _ = duration(pending(state, _rows(state)), pace, place._replace(slots=max(place.slots, busy)))
    # The pending count has the jobs at work whole.
    credit = pace.step * taken / busy if busy else 0.0
    return Between(max(0.0, wall.low - credit), max(0.0, wall.high - credit))


def _rows(state: RunState) -> Rows:
    """The questions of the splits: as many as were answered so far, else as many as the config asks for."""
    asked = Rows.of(state.config)
    return Rows(max(state.answered.values(), default=0) or asked.ranked, asked.test)


def describe_time_left(left: Between | None) -> str:
    """Such as "5 to 8 min of training left"; empty where there is none, or nothing is known of it."""
    return f"about {describe_time(left)} of training left" if left is not None and left.high >= 1 else ""


def describe_time(seconds: Between) -> str:
    """Such as "5 to 8 min"; one number where the ends are close."""
    unit, size, digits = ("s", 1, 0) if seconds.high < 90 else ("min", 60, 0) if seconds.high < 5400 else ("h", 3600, 1)
    low, high = seconds.low / size, seconds.high / size
    # A tenth of an hour, or one of the other units, is the least that is shown.
    start = f"{low:.{digits}f} to " if high > _CLOSE * max(low, 10.0**-digits) else ""
    return f"{start}{high:.{digits}f} {unit}"
