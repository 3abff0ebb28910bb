"""Curves and leaderboards in Weights & Biases: a run of the project `rewardsearch` for each training run, grouped by search.

WANDB_MODE=offline keeps them in the folder `wandb` of the search's run folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import wandb

from rewardsearch.records import CurvePoint, Ranking
from rewardsearch.session.outlets import board_rows, scalars


class Runs:
    """Implements Outlet."""

    def __init__(self, folder: Path, run: str) -> None:
        self._folder, self._run = folder, run
        if os.environ.get("WANDB_MODE", "online") == "online" and not wandb.api.api_key:
            # Asked for a key, wandb would read the terminal.
            raise ValueError("no key; set WANDB_API_KEY, or WANDB_MODE=offline")

    def _open(self, name: str) -> AbstractContextManager[Any]:
        settings = wandb.Settings(silent=True, console="off", init_timeout=60)
        opened: AbstractContextManager[Any] = wandb.init(
            project="rewardsearch",
            group=self._run,
            name=name,
            dir=str(self._folder),
            reinit="create_new",
            settings=settings,
        )
        return opened

    def curve(self, arm: str, points: Sequence[CurvePoint]) -> None:
        with self._open(arm) as run:
            for point in points:
                run.log(scalars(point), step=point.step)

    def leaderboard(self, round: int, ranking: Ranking) -> None:
        rows = board_rows(ranking)
        with self._open(f"round-{round}") as run:
            table = wandb.Table(columns=list(rows[0]) if rows else [], data=[list(row.values()) for row in rows])
            run.log({"leaderboard": table, "best_f1": rows[0]["f1"] if rows else None}, step=round)

    def notice(self, title: str, text: str) -> None: ...

    def close(self) -> None: ...


def open(folder: Path, run: str) -> Runs:
    return Runs(folder, run)
