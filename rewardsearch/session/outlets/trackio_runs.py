"""Curves and leaderboards in trackio's local store: a run of a project, named after the search, for each training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import trackio

from rewardsearch.records import CurvePoint, Ranking
from rewardsearch.session.outlets import board_rows, scalars


class Runs:
    """Implements Outlet."""

    def __init__(self, project: str) -> None:
        self._project = project

    def curve(self, arm: str, points: Sequence[CurvePoint]) -> None:
        trackio.init(project=self._project, name=arm, resume="allow", embed=False)
        for point in points:
            trackio.log(scalars(point), step=point.step)
        trackio.finish()

    def leaderboard(self, round: int, ranking: Ranking) -> None:
        trackio.init(project=self._project, name="leaderboard", resume="allow", embed=False)
        scores = {f"f1/{row['name']}": row["f1"] for row in board_rows(ranking)}
        trackio.log(scores, step=round)
        trackio.finish()

    def notice(self, title: str, text: str) -> None: ...

    def close(self) -> None: ...


def open(folder: Path, run: str) -> Runs:
    return Runs(run)
