"""The table in docs/hardware.md is what its formula gives."""

from __future__ import annotations

import math
import re

from rewardsearch.files.resources import PACKAGE

PAGE = (PACKAGE.parent / "docs" / "hardware.md").read_text(encoding="utf-8")
PARAMETERS = {"135M": 0.135e9, "0.5B": 0.5e9, "1B": 1.2e9, "3B": 3.2e9, "8B": 8e9}
COMPLETIONS, TOKENS, PROMPT, MEMORY, OPERATIONS = 64, 400, 150, 4.8e12, 4.0e14
TRL, GRAPH = 0.027, 0.002


def decode(parameters: float, rows: int, launch: float) -> float:
    return TOKENS * max(2 * parameters / MEMORY, 2 * parameters * rows / OPERATIONS, launch)


def step(parameters: float, arms: int, launch: float) -> float:
    rows = arms * COMPLETIONS
    return decode(parameters, rows, launch) + rows * (PROMPT + TOKENS) * 4 * parameters / OPERATIONS


def night(parameters: float, arms: int, launch: float, devices: int = 1) -> int:
    seconds = 500 * step(parameters, arms, launch) / arms + math.ceil(700 / 128) * decode(parameters, 128, launch)
    return int(devices * 36_000 / seconds)


def test_what_one_night_buys_follows_from_the_formula() -> None:
    rows = {cells[0]: cells[1:] for line in PAGE.splitlines() if (cells := re.findall(r"[^|\s]+", line))[:1]}
    for name, parameters in PARAMETERS.items():
        computed = (
            f"{step(parameters, 1, TRL):.1f}",
            f"{step(parameters, 1, GRAPH):.2f}",
            f"{step(parameters, 8, GRAPH) / 8:.2f}",
            *map(str, (night(parameters, 1, TRL), night(parameters, 1, GRAPH), night(parameters, 8, GRAPH))),
            *(f"{night(parameters, 8, GRAPH, devices):,}" for devices in (8, 64)),
        )
        assert rows[name] == list(computed), name
