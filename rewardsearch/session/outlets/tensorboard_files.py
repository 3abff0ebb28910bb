"""Curves and leaderboards as TensorBoard files, in the folder `tensorboard` of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from tensorboardX import SummaryWriter

from rewardsearch.records import CurvePoint, Ranking
from rewardsearch.session.outlets import board_rows, scalars

FOLDER = "tensorboard"


class Files:
    """Implements Outlet: a folder for each training run, and one for the leaderboard by round."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def curve(self, arm: str, points: Sequence[CurvePoint]) -> None:
        with SummaryWriter(str(self._folder / arm)) as writer:
            for point in points:
                for name, value in scalars(point).items():
                    writer.add_scalar(name, value, point.step)

    def leaderboard(self, round: int, ranking: Ranking) -> None:
        rows = board_rows(ranking)
        scores = [row.f1 for row in ranking.rows if row.f1 is not None and row.operator != "none"]
        with SummaryWriter(str(self._folder / "leaderboard")) as writer:
            if scores:
                writer.add_scalar("best_f1", max(scores), round)
                writer.add_scalar("mean_f1", fmean(scores), round)
            lines = ["| rank | name | F1 |", "|---|---|---|"]
            lines += [f"| {row['rank']} | {row['name']} | {row['f1']:.3f} |" for row in rows]
            writer.add_text("leaderboard", "\n".join(lines), round)

    def notice(self, title: str, text: str) -> None: ...

    def close(self) -> None: ...


def open(folder: Path, run: str) -> Files:
    return Files(folder)
