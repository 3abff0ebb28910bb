"""Curves and leaderboards in Weights & Biases: a run of the project `rewardsearch` for each training run, grouped by search.

WANDB_MODE=offline keeps them in the folder `wandb` of the search's run folder.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

import wandb

_settings: dict[str, str] = {}
_QUIET = {"silent": True, "console": "off", "x_disable_stats": True, "init_timeout": 60}
"""The statistics of the machine would need a process for each run."""


class NotTaken(Exception):
    """wandb has no key, or its server takes no run."""


def start(settings: dict[str, str]) -> None:
    _settings.update(settings)
    os.environ.setdefault("WANDB_CACHE_DIR", settings["folder"])
    os.environ.setdefault("WANDB_DATA_DIR", f"{settings['folder']}/wandb")
    if os.environ.get("WANDB_MODE", "online") == "online" and not wandb.api.api_key:
        raise NotTaken("no key; set WANDB_API_KEY, or WANDB_MODE=offline")


def curve(arm: str, steps: list[tuple[int, dict[str, float]]]) -> None:
    with _opened(arm) as run:
        for step, numbers in steps:
            run.log(numbers, step=step)


def leaderboard(round: int, rows: list[dict[str, Any]]) -> None:
    with _opened(f"round-{round}") as run:
        table = wandb.Table(columns=list(rows[0]) if rows else [], data=[list(row.values()) for row in rows])
        run.log({"leaderboard": table, "best_f1": rows[0]["f1"] if rows else None}, step=round)


def _opened(name: str) -> AbstractContextManager[Any]:
    try:
        opened: AbstractContextManager[Any] = wandb.init(
            project="rewardsearch",
            group=_settings["run"],
            name=name,
            dir=_settings["folder"],
            reinit="create_new",
            settings=wandb.Settings(**_QUIET),
        )
    except wandb.errors.CommError:
        raise NotTaken("its server takes no run; wandb/debug-internal.log in the run folder has the reason") from None
    return opened
