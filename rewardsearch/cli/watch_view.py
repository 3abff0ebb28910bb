"""What `rewardsearch watch` shows of a run, as lines of text that fit a terminal."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardsearch.cli.status import budget_facts, candidates_text, disk_text, now_facts
from rewardsearch.cli.tables import gain, print_facts, print_lines, print_table, score
from rewardsearch.files.numbers import duration, number, signed

if TYPE_CHECKING:
    from rich.console import Console

_BARS = "▁▂▃▄▅▆▇█"
_ROOM = 110
"""Columns from which intervals of gains and long curves are shown."""
_EVENTS_HEAD = 2
"""Lines above the events."""
_FIXED = 16
"""Lines that are kept for what is not the leaderboard."""


def view(stands: Mapping[str, Any], width: int, height: int | None = None) -> list[str]:
    """Lines of at most `width` columns; `height` of them at most, where it is given.

    stands: as session.standing gives it. What does not fit is left out: old events first, then the end of the leaderboard.
    """
    top = _lines(width, lambda console: _head(stands, console))
    rows = [row for row in stands["leaderboard"]["rows"] if row["rank"] is not None]
    most = len(rows) if height is None else max(3, height - _FIXED)
    board = _lines(width, lambda console: _board(rows[:most], len(rows), stands["leaderboard"], console))
    room = 8 if height is None else height - len(top) - len(board) - _EVENTS_HEAD
    events = _lines(width, lambda console: _events(stands["events"][-room:], console)) if room > 0 else []
    kept = [*events[:_EVENTS_HEAD], *events[_EVENTS_HEAD:][-room:]]
    return [*top, *board, *kept][:height]


def sparkline(values: Sequence[float], width: int) -> str:
    """The values, or the means of `width` equal parts of them, as bars between their lowest and highest."""
    from rewardsearch.run.progress import thinned

    values = thinned(values, width)
    low, high = min(values, default=0.0), max(values, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in values)


def _lines(width: int, show: Any) -> list[str]:
    from rich.console import Console

    file = io.StringIO()
    show(Console(file=file, width=width, highlight=False, color_system=None))
    return file.getvalue().splitlines()


def _head(stands: Mapping[str, Any], console: Console) -> None:
    facts = [
        ("run", f"{Path(stands['run']).name}: {stands['task']}, {stands['status']}"),
        ("reason", stands["reason"] or ""),
        *(each for each in now_facts(stands) if each[0] == "now"),
        ("rounds", f"{stands['rounds_done']} of {stands['rounds']} done; {candidates_text(stands['candidates'])}"),
        ("spend", ", ".join(_spend(stands))),
        *budget_facts(stands),
        ("disk", disk_text(stands["disk"])),
    ]
    print_facts(console, facts)
    if stands["running"]:
        print_lines(console, "")
        print_table(
            console, ("running", "done", "exact match", "reward"), [_job(job, console) for job in stands["running"]]
        )


def _spend(stands: Mapping[str, Any]) -> Iterator[str]:
    yield duration(stands["seconds"])
    yield f"{stands['steps']:,} training steps"
    if stands["gpu_hours"]:
        yield f"{stands['gpu_hours']:.2f} GPU-hours"
    if stands["usage"]["requests"]:
        yield f"{stands['usage']['tokens']:,} tokens"
    if stands["usage"]["dollars"]:
        yield f"${stands['usage']['dollars']:.2f}"


def _job(job: Mapping[str, Any], console: Console) -> tuple[str, str, str, str]:
    done = f"{job['done']:,}/{job['of']:,} {job['unit']}"
    if not job["curve"]:
        return job["name"], done, "", ""
    length = 24 if console.width >= _ROOM else 10
    curves = (
        f"{sparkline(job['curve'][name], length)} {number(job['curve'][name][-1])}" if job["curve"][name] else ""
        for name in ("exact_match", "reward")
    )
    return (job["name"], done, *curves)


def _board(rows: Sequence[Mapping[str, Any]], of: int, board: Mapping[str, Any], console: Console) -> None:
    from rewardsearch.records.flags import flag_words

    if not rows:
        print_lines(console, "", "no candidate is ranked yet")
        return
    print_lines(console, "", f"leaderboard, {board['n']:,} questions of {board['split']}")
    wide = console.width >= _ROOM
    cells = [
        {
            "#": str(row["rank"]),
            "name": row["name"],
            "F1": score(row["f1"], row["f1_ci"]),
            "accuracy": number(row["accuracy"]),
            "gain": gain(row["gain"], row["gain_ci"]) if wide else signed(row["gain"]),
            "flags": flag_words(row["flags"]),
        }
        for row in rows
    ]
    print_table(
        console,
        cells[0],
        [each.values() for each in cells],
        wrap={"flags": 12, "name": 16},
        spare=("accuracy", "gain", "flags"),
    )
    if of > len(rows):
        print_lines(console, f"and {of - len(rows)} more")


def _events(events: Sequence[Mapping[str, Any]], console: Console) -> None:
    print_lines(console, "", "last events" if events else "no events yet")
    for event in events:
        print_lines(console, f"{time.strftime('%H:%M', time.localtime(event['time']))}  {event['text']}", hang=7)
