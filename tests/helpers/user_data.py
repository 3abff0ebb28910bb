"""Data as a user may have them: columns of other names, 80:20 labels, missing values."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.tasks.resumes import generate

COLUMNS = {
    "resume": "cv text",
    "job": "vacancy",
    "label": "decision",
    "positive": ["hired", "offer"],
    "negative": ["declined"],
    "prompt": ["source"],
    "reason": "why",
    "groups": ["sex"],
}

COLOURS_FORM = {"regex": "<answer>([^<]+)</answer>", "example": "<answer>{answer}</answer>"}
"""The form that tests/outside/colours_env.py asks for."""
CLOCK_FORM = {"regex": "Answer: (.+)", "example": "Answer: {answer}"}
CLOCK_TIMES = [
    {
        "prompt": f"It is {i // 60}:{i % 60:02}. What time is it 7 minutes later?\n",
        "answer": f"{(i + 7) // 60}:{(i + 7) % 60:02}",
        "hour": i // 60,
    }
    for i in range(5, 1400, 11)
]
"""Rows and answer form for tests/outside/verifier.py."""


def hires(n: int = 300, seed: int = 5) -> list[dict[str, str]]:
    """`n` rows, a fifth of them hired. Of every 50 one lacks its resume, one its decision, and five their group."""
    pairs = generate("train", 2 * n, seed)
    yes = [pair for pair in pairs if pair.selected][: n // 5]
    no = [pair for pair in pairs if not pair.selected][: n - n // 5]
    out = []
    for place, pair in enumerate([*yes, *no]):
        out.append(
            {
                "nr": str(place),
                "decision": (" Hired", "OFFER ")[place % 2] if pair.selected else "declined",
                "cv text": "" if place % 50 == 1 else pair.resume,
                "vacancy": pair.job,
                "sex": "N/A" if place % 50 in range(2, 7) else pair.groups["gender"],
                "source": "" if place % 3 else "referred, by\na colleague",
                "why": pair.demonstrated if place % 2 else "",
            }
            | ({"decision": "NaN"} if place % 50 == 7 else {})
        )
    return out


def write_csv(path: Path, rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def write_lines(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def own_config(data: str | Path, **settings: Any) -> TaskConfig:
    """A resume task on `data` with COLUMNS, unless `settings` say otherwise."""
    task = {"name": "resume", "data": str(data), "columns": COLUMNS} | settings
    return parse_config({"task": task}, "test").task
