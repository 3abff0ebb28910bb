"""Curves and leaderboards as TensorBoard files, in the folder `tensorboard` of the run: a folder for each training run, and one
for the leaderboard by round."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from tensorboardX import SummaryWriter

_folder = ""


def start(settings: dict[str, str]) -> None:
    global _folder
    _folder = f"{settings['folder']}/tensorboard"


def curve(arm: str, steps: list[tuple[int, dict[str, float]]]) -> None:
    with SummaryWriter(f"{_folder}/{arm}") as writer:
        for step, numbers in steps:
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)


def leaderboard(round: int, rows: list[dict[str, Any]]) -> None:
    scores = [row["f1"] for row in rows if row["candidate"]]
    with SummaryWriter(f"{_folder}/leaderboard") as writer:
        if scores:
            writer.add_scalar("best_f1", max(scores), round)
            writer.add_scalar("mean_f1", fmean(scores), round)
        lines = ["| rank | name | F1 |", "|---|---|---|"]
        lines += [f"| {row['rank']} | {row['name']} | {row['f1']:.3f} |" for row in rows]
        writer.add_text("leaderboard", "\n".join(lines), round)
