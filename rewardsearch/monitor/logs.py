"""Reads the log of a training: `trainer_state.json`, TensorBoard event files, JSON Lines, or a folder that holds one of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from rewardsearch.errors import UserError

STATE = "trainer_state.json"
EVENTS = "events.out.tfevents."
_KINDS = f"allowed: {STATE}, a TensorBoard file ({EVENTS}*), JSON Lines, or a folder with one of the first two"
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def read_log(path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The file or folder that was read, and the entries of the log in the order of their steps. Raises UserError."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; {_KINDS}")
    if path.is_dir():
        path = _log_in(path)
    if path.is_dir() or path.name.startswith(EVENTS):
        return path, _events(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}); {_KINDS}") from None
    return path, _state(path, text) if path.suffix == ".json" else _lines(path, text)


def _log_in(folder: Path) -> Path:
    """The state in the folder or its newest checkpoint, or the folder itself where it has event files."""
    if (folder / STATE).is_file():
        return folder / STATE
    states = [
        (int(match[1]), file)
        for file in folder.glob(f"*/{STATE}")
        if (match := _CHECKPOINT.fullmatch(file.parent.name))
    ]
    if states:
        return max(states)[1]
    if any(folder.rglob(f"{EVENTS}*")):
        return folder
    raise UserError(f"{folder}: neither {STATE} nor {EVENTS}* in it; {_KINDS}")


def _state(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        entries = json.loads(text)["log_history"]
    except (ValueError, RecursionError, KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise UserError(f"{path}: no JSON object with a list `log_history`; {_KINDS}")
    return [entry for entry in entries if isinstance(entry, dict)]


def _lines(path: Path, text: str) -> list[dict[str, Any]]:
    """A last line that was cut off while it was written is left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
            if number == len(lines) > 1:
                break
        if not isinstance(entry, dict):
            raise UserError(f"{path}: line {number} is no JSON object; {_KINDS}")
        entries.append(entry)
    return entries


def _events(path: Path) -> list[dict[str, Any]]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        raise UserError(
            f"{path}: reading TensorBoard files takes the package tensorboard; pip install tensorboard, or give {STATE}"
        ) from None
    steps: dict[int, dict[str, Any]] = defaultdict(dict)
    for file in [path] if path.is_file() else sorted(path.rglob(f"{EVENTS}*")):
        found = EventAccumulator(str(file), size_guidance={"scalars": 0})
        found.Reload()
        for tag in found.Tags()["scalars"]:
            for event in found.Scalars(tag):
                steps[event.step][tag] = event.value
    return [{**entry, "step": step} for step, entry in sorted(steps.items())]
