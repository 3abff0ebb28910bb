"""What two runs of one search must have in common: everything but times, and what a session writes about itself."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardsearch.run.journal import JOURNAL

TIMES = frozenset(("time", "seconds", "seconds_per_call", "phases", "peak_memory_mb", "opened"))
"""Fields, and a column of leaderboard.csv. opened: when the test was opened; how often is in the journal."""
OF_TIMES = frozenset(("digest",))
"""Digests in the journal of files that hold times."""
OF_SESSIONS = frozenset(("opened", "sandbox", "restored", "ended", "devices"))
"""Events that each session has anew."""
_IGNORED = ("logs/", "report.html", "live.json")
_DIGESTS = "files"
"""In a result: the digests of its other files, which are compared themselves."""


def contents(run: Path) -> dict[str, Any]:
    """What is compared of the run in a folder, by the name of the file or event that it comes from."""
    found: dict[str, Any] = {f"{JOURNAL} {name}": events for name, events in _journal(run).items()}
    for file in sorted(path for path in run.rglob("*") if path.is_file()):
        name = file.relative_to(run).as_posix()
        if name != JOURNAL and not name.startswith(_IGNORED):
            found[name] = _content(file)
    return found


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What differs, a line for each name."""
    lines = []
    for name in sorted({*expected, *found}):
        if name not in found:
            lines.append(f"{name} is missing")
        elif name not in expected:
            lines.append(f"{name} should not be there")
        elif expected[name] != found[name]:
            lines.append(f"{name}: {_first(expected[name], found[name])}")
    return lines


def lost_event(before: bytes, after: bytes) -> str:
    """The first whole line of a journal that it does not have any more, in short; empty where it has all of them."""
    lines = before.split(b"\n")[:-1]
    for number, (was, now) in enumerate(zip(lines, after.split(b"\n") + [b""] * len(lines), strict=False), start=1):
        if was != now:
            return f"line {number}: {was[:100]!r} is now {now[:100]!r}"
    return ""


def untimed(value: Any) -> Any:
    """JSON data without times."""
    if isinstance(value, dict):
        return {key: untimed(each) for key, each in value.items() if key not in TIMES}
    return [untimed(each) for each in value] if isinstance(value, list) else value


def _journal(run: Path) -> dict[str, Counter[str]]:
    """The events of each kind, with how often each is there. Training runs end in any order, so the order is left out."""
    kinds: dict[str, Counter[str]] = {}
    for line in (run / JOURNAL).read_bytes().split(b"\n")[:-1]:
        event = untimed(json.loads(line))
        kind = event.pop("event")
        if kind in OF_SESSIONS or (kind == "trained" and event["result"]["status"] == "error"):
            continue
        counted = kinds.setdefault(kind, Counter())
        # A request that was cut off is sent again; its reply is received once.
        event.pop("send", None)
        text = json.dumps({key: each for key, each in event.items() if key not in OF_TIMES}, sort_keys=True)
        counted[text] = 1 if kind == "sent" else counted[text] + 1
    return kinds


def _content(file: Path) -> Any:
    if file.suffix == ".gz":
        return gzip.decompress(file.read_bytes())
    if file.name == "leaderboard.csv":
        with file.open(encoding="utf-8", newline="") as lines:
            return untimed(list(csv.DictReader(lines)))
    if file.suffix != ".json":
        return file.read_bytes()
    data = untimed(json.loads(file.read_bytes()))
    if file.name == "result.json":
        data.pop(_DIGESTS)
    if file.name.startswith("response-"):
        data.pop("send")
    return data


def _first(expected: Any, found: Any) -> str:
    """The first difference of two values, in short."""
    if isinstance(expected, Counter):
        for text in (*(expected - found), *(found - expected)):
            return f"{expected[text]} expected, {found[text]} found of {text[:300]}"
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}):
            if expected.get(key) != found.get(key):
                return f"{key}: {_first(expected.get(key), found.get(key))}"
    if isinstance(expected, list | bytes) and isinstance(found, list | bytes):
        pairs = enumerate(zip(expected, found, strict=False))
        place = next((i for i, (a, b) in pairs if a != b), min(len(expected), len(found)))
        if isinstance(expected, list) and place < min(len(expected), len(found)):
            return f"[{place}]: {_first(expected[place], found[place])}"
        around = slice(max(0, place - 40), place + 40)
        return f"{len(expected)} and {len(found)} long, at {place}: {expected[around]!r} and {found[around]!r}"
    return f"expected {str(expected)[:200]}, found {str(found)[:200]}"
