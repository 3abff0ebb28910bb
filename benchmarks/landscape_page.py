"""The sections of docs/evidence.md on the landscape of rewards and on what is known before training, from
docs/evidence/landscape.json and before_training.json."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import evidence_before_training
from landscape import GAIN
from study_text import STUDY, f1, figure, section, table

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
    others = [row for row in landscape["rewards"] if not row["file"].startswith("candidates/recorded/")]
    recorded = ""
    if known := len(landscape["rewards"]) - len(others):
        better = sum(row["gain"] >= GAIN for row in others)
        recorded = (
            f" {known} of the rewards come from a recorded search whose scores on this task were known. Of the {len(others)} "
            f"others, {better} gain {GAIN:g} or more."
        )
    left = f" Not trained: {', '.join(missing)}." if missing else ""
    return section(
        "Do rewards differ by more than noise? The landscape",
        f"{len(landscape['rewards'])} rewards, each trained beside the base rewards for {settings['steps']} steps with seeds "
        f"{', '.join(map(str, settings['seeds']))}, F1 on `val`. The class says what the idea belongs "
        f"to.{recorded}{left} Training accuracy is the mean share of right completions over the steps: a reward that teaches "
        f"sooner has more. The untrained policy has accuracy {f1(landscape['untrained']['accuracy'])}.",
        figure("landscape", figures),
        table(head, rows),
        f"Command: `{landscape['command']} --out docs/evidence/landscape.json`.",
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
        f"Command: `{landscape['command']} --out docs/evidence/landscape.json`.",
        figure("rungs", figures),
    )


def signs(of_study: Numbers, before: Numbers | None, figures: Sequence[str]) -> str:
    """What flags, the bank's measures and the race are worth, on the landscape and on the study's candidates."""
    parts = _on_landscape(before, figures) if before else []
    if of_study["flags"]:
        parts += _on_study(of_study)
    return section("What do the bank's flags and AUC, and the race, save and lose?", *parts) if parts else ""


def _on_study(bank: Numbers) -> list[str]:
    shown = []
    for measure, told in (("bank_auc", "right as counted"), ("bank_auc_any_form", "right in any form")):
        rho = [each["spearman"] for each in bank["auc"] if each["measure"] == measure]
        if rho:
            shown.append([told, f"{fmean(rho):+.2f}", f"{min(rho):+.2f} to {max(rho):+.2f}", str(len(rho))])
    flags = (
        [flag, str(each["n"]), f"{each['mean_gain']:+.3f}", f"{each['above']} of {each['n']}"]
        for flag, each in bank["flags"].items()
    )
    return [
        "On the candidates of the study's own runs that were accepted and trained (`none` has those without any flag):",
        table(("AUC on the rollout bank", "mean rank correlation with F1", "range", "runs"), shown) if shown else "",
        table(("flag", "candidates", "mean gain on val", "scored above the base rewards"), flags),
        f"Command: `{STUDY}`.",
    ]


def _on_landscape(before: Numbers, figures: Sequence[str]) -> list[str]:
    counts = before["rewards"]
    wrong = [f"`{row['flag']}`" for row in before["flags"] if row["wrong_more_often"]]
    told = (
        f"On more good than bad rewards: {', '.join(wrong)}." if wrong else "No flag is on more good than bad rewards."
    )
    return [
        f"On the landscape {counts['good']} rewards are good (a gain of {before['good']:g} or more), {counts['bad']} bad "
        f"({before['bad']:g} or less), {counts['level']} level. `hit` is the share of the bad rewards that a flag is on, "
        f"`false alarm` that of the good ones. {told} `good above bad` is how often a good reward has a higher value than a bad "
        f"one; 0.5 is chance. The race is tried on {before['race']['rounds']} rounds of {before['race']['candidates']} rewards "
        "drawn from the list.",
        evidence_before_training.markdown(before).strip(),
        f"Command: `{before['command']} --out docs/evidence/before_training.json`.",
        figure("races", figures),
    ]


def _rho(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
