"""Printing a leaderboard: the ranked rows, the noise of their scores, and what has no score."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import (
    F1_LEGEND,
    PAPER_NOTE,
    class_legend,
    class_names,
    flags_text,
    interval,
    number,
    p_value,
    percent,
    print_lines,
    print_table,
    short_id,
)

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import RankedRow, Ranking

LEGEND = {
    "#": "rank by F1",
    "ties": "the ranks that a score cannot be told from, over questions and training seeds, assuming that every candidate varies "
    "between seeds as the baseline does",
    "name": "what the proposer called it",
    "id": "the beginning of its id; commands take it",
    "round": "when it was proposed",
    "F1": F1_LEGEND,
    "interval": "of F1, by the bootstrap over questions",
    "accuracy": "share of the questions answered right",
    "parsed": "share of the completions that give an answer",
    "training": "share of the training completions that were right, the mean over the steps; higher where it is learnt sooner",
    "p/base": "two-sided p-value of the gain over the baseline, over questions and training seeds; too small for candidates that "
    "vary more between seeds than the baseline does",
    "p/best": "as p/base, against the best candidate",
    "corr.": "p/base corrected for the number of candidates",
    "AUC": "on the rollout bank: how often a completion that is right in any form is paid more than another of its question",
    "flags": "what validation and training raised (docs/validation.md)",
}
STATUS_LEGEND = {
    "stopped": "stopped at a rung of the race",
    "failed": "its training failed",
    "error": "the machine failed; it is tried again",
    "rejected": "refused by validation",
    "pending": "not trained yet",
}


def print_leaderboard(ranking: Ranking, console: Console) -> None:
    """The ranked rows as a table, then those without a rank with their reasons."""
    classes = class_names(ranking.rows)
    of = f"; F1, precision and recall are those of {classes[0]}" if classes else ""
    print_lines(console, f"{ranking.task}, {ranking.n} questions of {ranking.split}{of}")
    if ranking.split == "test":
        print_lines(console, PAPER_NOTE)
    if not ranking.feedback:
        print_lines(console, "feedback withheld: no proposal saw a result of the search")
    ranked = [row for row in ranking.rows if row.rank is not None]
    if ranked:
        _print_ranked(ranking, ranked, classes, console)
    rest = [row for row in ranking.rows if row.rank is None]
    if rest:
        print_lines(console, "", "without a score:")
        rows = [
            (row.name, short_id(row.id, row.name), str(row.round), row.status, _in_short(row.reason)) for row in rest
        ]
        headers = ("name", "id", "round", "status", "why")
        there = [f"{name}: {STATUS_LEGEND[name]}" for name in STATUS_LEGEND if any(row.status == name for row in rest)]
        print_table(
            console,
            headers,
            rows,
            left=("name", "id", "status", "why"),
            names=("name",),
            text=44,
            legend=LEGEND | {"status": "; ".join(there), "why": "in short; rewardsearch show RUN ID has all of it"},
        )


def _print_ranked(
    ranking: Ranking, ranked: Sequence[RankedRow], classes: Sequence[str] | None, console: Console
) -> None:
    scores = ("accuracy",) if classes is None else ("macro F1", "precision", "recall")
    known = ranking.noise is not None
    of_rewards = ("p/base", "corr.", "p/best") if known else ()
    headers = (
        *(("#", "ties") if known else ("#",)),
        *("name", "id", "round", "F1", "interval"),
        *scores,
        *("parsed", "training", *of_rewards, "AUC", "flags"),
    )
    spare = ("training", "AUC", "p/best", "round", "parsed", *scores[:1], "p/base", "ties", "interval", "id")
    mean = any(len(row.f1_by_seed) > 1 for row in ranked)
    f1 = f"{F1_LEGEND}{'; of the baseline the mean over its training seeds' if mean else ''}"
    legend = LEGEND | {"F1": f1}
    print_table(
        console,
        headers,
        [_ranked_cells(row, known) for row in ranked],
        left=("name", "id", "flags"),
        spare=tuple(name for name in spare if name in headers),
        names=("name",),
        text=18,
        legend=legend if classes is None else legend | class_legend(classes),
    )
    print_lines(console, *_rounds_told(ranked), *_noise_text(ranking))


def _rounds_told(ranked: Sequence[RankedRow]) -> list[str]:
    """Mean and best F1 of the candidates of each round, where there are several rounds."""
    rounds: dict[int, list[float]] = {}
    for row in ranked:
        if row.operator != "none" and row.f1 is not None:
            rounds.setdefault(row.round, []).append(row.f1)
    told = [f"{fmean(found):.3f} ({max(found):.3f})" for _, found in sorted(rounds.items())]
    return [f"rounds: mean F1 of the candidates (and the best) {', '.join(told)}"] if len(told) > 1 else []


def _noise_text(ranking: Ranking) -> list[str]:
    noise = ranking.noise
    if noise is None:
        return [
            "noise: the baseline was trained with one seed (train.baseline_seeds), so the noise between seeds is not known: "
            "no ties and no p-values; rewardsearch compare tests two of these trained policies"
        ]
    scores = ", ".join(f"{f1:.3f} (seed {seed})" for seed, f1 in noise.f1_by_seed.items())
    return [
        f"noise: the baseline's F1 by training seed {scores}; standard deviation {noise.seed_sd:.3f} between seeds "
        f"({noise.df} degrees of freedom), {noise.question_sd:.3f} from the questions"
    ]


def _ranked_cells(row: RankedRow, known: bool) -> tuple[str, ...]:
    """known: whether anything is known of the noise between seeds."""
    p_values = (p_value(row.p_vs_baseline), p_value(row.p_adjusted), p_value(row.p_vs_best))
    return (
        str(row.rank),
        *((_ties(row),) if known else ()),
        row.name,
        short_id(row.id, row.name),
        str(row.round) if row.operator != "none" else "-",
        number(row.f1),
        interval(row.f1_ci),
        *_class_cells(row),
        percent(row.parse_rate),
        number(row.mean_training_accuracy),
        *(p_values if known else ()),
        number(row.bank_auc_any_form, 2),
        flags_text(row.flags),
    )


def _class_cells(row: RankedRow) -> tuple[str, ...]:
    """What stands beside F1: accuracy, or on a task with classes macro F1 and the positive class's precision and recall."""
    if row.classes is None:
        return (number(row.accuracy),)
    positive = next(iter(row.classes.classes.values()))
    scores = (row.classes.macro_f1, positive.precision, positive.recall)
    return tuple(number(score.value) for score in scores)


def _in_short(reason: str | None) -> str:
    """What was wrong, without the remedy after it."""
    return (reason or "").partition("; ")[0]


def _ties(row: RankedRow) -> str:
    from rewardsearch.run.leaderboard_files import ranges

    return ranges(row.ties, ",") if row.ties and len(row.ties) > 1 else "-"
