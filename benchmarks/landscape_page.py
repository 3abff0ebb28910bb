"""The sections of docs/evidence.md on the landscape of rewards, from docs/evidence/landscape.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study_text import f1, figure, section, table

Numbers = dict[str, Any]


def landscape_sections(landscape: Numbers, figures: Sequence[str]) -> list[str]:
    return [_rewards(landscape, figures), _rungs(landscape, figures)]


def _rewards(landscape: Numbers, figures: Sequence[str]) -> str:
    settings, base = landscape["settings"], landscape["baseline"]
    steps = [str(step) for step in settings["rungs"]]
    rows = [
        [
            row["name"],
            row["class"],
            f1(row["f1"]),
            f"{f1(row['f1_low'])}-{f1(row['f1_high'])}",
            f"{row['gain']:+.3f}",
            *(f1(row["at"].get(step)) for step in steps),
            f1(row["training_accuracy"]),
            ", ".join(row["flags"]),
        ]
        for row in landscape["rewards"]
    ]
    scores = base["f1_by_seed"].values()
    alone = ["**base rewards alone**", "", f1(base["f1"]), f"{f1(min(scores))}-{f1(max(scores))}", ""]
    rows.append([*alone, *("" for _ in steps), f1(base["training_accuracy"]), ""])
    head = ("reward", "class", "F1", "seeds", "gain", *(f"step {step}" for step in steps), "training accuracy", "flags")
    missing = landscape["not_trained"]
    left = f" Not trained: {', '.join(missing)}." if missing else ""
    return section(
        "Do rewards differ by more than noise? The landscape",
        f"{len(landscape['rewards'])} rewards, each trained beside the base rewards for {settings['steps']} steps with seeds "
        f"{', '.join(map(str, settings['seeds']))}, F1 on `val`. The class says what the idea belongs to, and was given before "
        f"training.{left} Training accuracy is the mean share of right completions over the steps: a reward that teaches sooner "
        f"has more. The untrained policy has accuracy {f1(landscape['untrained']['accuracy'])}.",
        figure("landscape", figures),
        table(head, rows),
        f"Command: `{landscape['command']}`.",
    )


def _rungs(landscape: Numbers, figures: Sequence[str]) -> str:
    found = landscape["rank_correlation"]
    rows = [
        [f"step {step}", str(each["rewards"]), _rho(each["with_the_end"]), _rho(each["with_the_mean_of_seeds"])]
        for step, each in found.items()
    ]
    speed = landscape["training_accuracy"]
    return section(
        "What does a rung say of the end?",
        table(("rung", "rewards", "rank correlation with the end", "with the mean of seeds at the end"), rows),
        "Training accuracy, the score that sees speed, has rank correlation "
        f"{_rho(speed['rank_correlation_with_f1'])} with F1 at the end. The rank correlation between one seed and another is "
        f"{_rho(speed['reliability'])} for training accuracy and {_rho(speed['reliability_of_f1'])} for F1 at the end.",
        f"Command: `{landscape['command']}`.",
        figure("rungs", figures),
    )


def _rho(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
