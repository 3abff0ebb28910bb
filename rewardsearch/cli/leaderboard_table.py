"""The leaderboard as text: the ranked rows, the noise of their scores, and the candidates without a score."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import (
    F1_LEGEND,
    FLAGS_LEGEND,
    FLAGS_WRAP,
    PAPER_NOTE,
    RETRIEVAL_LEGEND,
    SHORT_FLAGS_WRAP,
    class_legend,
    flags_text,
    gain,
    print_lines,
    print_table,
    retrieval_cells,
    score,
    scores_of_classes,
    short_id,
    stacked,
)
from rewardsearch.files.numbers import interval, number, p_value, percent

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassScores, RankedRow, Ranking

LEGEND = {
    "#": "rank by F1",
    "ties": "ranks whose scores are not clearly different, over questions and training seeds; assumes that every candidate "
    "varies between seeds as the baseline does",
    "name": "given by the proposer",
    "id": "the beginning of the candidate's id; commands take it",
    "round": "the round that proposed it",
    "F1": F1_LEGEND,
    "interval": "95 % confidence interval of F1, by the bootstrap over questions",
    "accuracy": "share of the questions answered correctly",
    "parsed": "share of the completions with an answer that can be read",
    "training": "share of correct completions in training, the mean over the steps; higher if the policy learns sooner",
    "p/base": "two-sided p-value of the gain over the baseline, over questions and training seeds; too small for candidates that "
    "vary more between seeds than the baseline",
    "p/best": "the same against the best candidate",
    "corr.": "p/base corrected for the number of candidates",
    "AUC": "on the rollout bank: how often a completion with the right answer in any form gets a higher reward than another "
    "completion of the same question",
    "flags": FLAGS_LEGEND,
    **RETRIEVAL_LEGEND,
}
STATUS_LEGEND = {
    "stopped": "fell behind at a rung of the race",
    "failed": "its training failed",
    "error": "the machine failed; the next run tries again",
    "rejected": "did not pass validation",
    "pending": "not trained yet",
}


def print_leaderboard(ranking: Ranking, console: Console, wide: bool = False) -> None:
    """The ranked rows as a table, then the candidates without a rank and the reason. wide: every column, and flags by name."""
    from rewardsearch.session.event_text import short_reason

    classes = scores_of_classes(ranking.rows)
    of = ""
    if classes is not None:
        positive = classes.positive
        of = f"; F1, precision and recall are those of {positive}" if positive else "; F1 is macro F1"
    print_lines(console, f"{ranking.task}, {ranking.n} questions of {ranking.split}{of}")
    if ranking.split == "test":
        print_lines(console, PAPER_NOTE)
    if not ranking.feedback:
        print_lines(console, "feedback withheld: no proposal saw a result of the search")
    ranked = [row for row in ranking.rows if row.rank is not None]
    if ranked:
        (_print_ranked if wide else _print_short)(ranking, ranked, classes, console)
        print_lines(console, *_round_scores(ranked), *_noise_text(ranking, wide))
    rest = [row for row in ranking.rows if row.rank is None]
    if rest:
        print_lines(console, "", "without a score:")
        statuses = [f"{name}: {text}" for name, text in STATUS_LEGEND.items() if name in {row.status for row in rest}]
        rows = [
            {
                "name": row.name,
                **({"id": short_id(row.id, row.name), "round": str(row.round)} if wide else {}),
                "status": row.status,
                "why": short_reason(row.reason),
            }
            for row in rest
        ]
        print_table(
            console,
            rows[0],
            [row.values() for row in rows],
            spare=("round", "id"),
            legend=(LEGEND if wide else {})
            | {"status": "; ".join(statuses), "why": "in short; `rewardsearch show RUN NAME` has all of it"},
        )
    if ranked and not wide:
        print_lines(console, "`rewardsearch leaderboard RUN --wide` has the other columns")


def _print_ranked(ranking: Ranking, ranked: Sequence[RankedRow], classes: ClassScores | None, console: Console) -> None:
    second = "accuracy" if classes is None or classes.positive is None else "macro F1"
    first = ("training", "nDCG@10", "MRR", "AUC", "p/best", "round", "parsed")
    spare = (*first, second, "p/base", "ties", "interval", "id", "flags")
    cells = [_ranked_cells(row, ranking.noise is not None) for row in ranked]
    several = any(len(row.f1_by_seed) > 1 for row in ranked)
    f1 = f"{F1_LEGEND}{'; of the baseline the mean over its training seeds' if several else ''}"
    legend = LEGEND | {"F1": f1} | (class_legend(classes) if classes else {})
    print_table(console, cells[0], [each.values() for each in cells], wrap=FLAGS_WRAP, spare=spare, legend=legend)


def _print_short(ranking: Ranking, ranked: Sequence[RankedRow], classes: ClassScores | None, console: Console) -> None:
    """Six columns. With a positive class macro F1 stands for the accuracy, which one class alone may earn."""
    from rewardsearch.records import BASELINE
    from rewardsearch.records.flags import flag_words

    accuracy = "accuracy" if classes is None or classes.positive is None else "macro F1"
    rows = [
        {
            "#": str(row.rank),
            "name": row.name,
            "F1": stacked(score(row.f1, row.f1_ci), console.width),
            accuracy: number(row.classes.macro_f1.value if row.classes and accuracy == "macro F1" else row.accuracy),
            "gain": "-"
            if row.gain is None or row.id == BASELINE
            else stacked(gain(row.gain, row.gain_ci or row.gain_questions_ci), console.width),
            "flags": flag_words(row.flags),
        }
        for row in ranked
    ]
    over = "over questions and training seeds" if ranking.noise is not None else "over the questions alone"
    legend = {
        "F1": "with its 95 % confidence interval over the questions",
        "gain": f"F1 minus that of the baseline, with its interval {over}",
        "flags": FLAGS_LEGEND,
    }
    print_table(
        console,
        rows[0],
        [row.values() for row in rows],
        wrap=SHORT_FLAGS_WRAP,
        spare=(accuracy, "gain", "flags"),
        legend=legend | ({"macro F1": class_legend(classes)["macro F1"]} if classes and accuracy == "macro F1" else {}),
    )


def _round_scores(ranked: Sequence[RankedRow]) -> list[str]:
    """Mean and best F1 of the candidates of each round, if there are several rounds."""
    rounds: dict[int, list[float]] = {}
    for row in ranked:
        if row.operator != "none" and row.f1 is not None:
            rounds.setdefault(row.round, []).append(row.f1)
    scores = [f"{fmean(found):.3f} ({max(found):.3f})" for _, found in sorted(rounds.items())]
    return [f"rounds: mean F1 of the candidates (best in brackets) {', '.join(scores)}"] if len(scores) > 1 else []


def _noise_text(ranking: Ranking, wide: bool) -> list[str]:
    noise = ranking.noise
    if not wide:
        return [
            f"noise: training seeds alone move F1 by {noise.seed_sd:.3f} (standard deviation)"
            if noise is not None
            else "noise: unknown without two trained seeds of the baseline (train.baseline_seeds); gains may be luck"
        ]
    if noise is None:
        return [
            "noise: unknown without two trained seeds of the baseline (train.baseline_seeds); so there are no ties and no "
            "p-values; `rewardsearch compare` tests two trained policies"
        ]
    scores = ", ".join(f"{f1:.3f} (seed {seed})" for seed, f1 in noise.f1_by_seed.items())
    return [
        f"noise: F1 of the baseline by training seed {scores}; standard deviation {noise.seed_sd:.3f} between seeds "
        f"({noise.df} degrees of freedom), {noise.question_sd:.3f} from the questions"
    ]


def _ranked_cells(row: RankedRow, known: bool) -> dict[str, str]:
    """The cells of a row by column. known: whether the noise between training seeds is known."""
    p_values = {"p/base": row.p_vs_baseline, "corr.": row.p_adjusted, "p/best": row.p_vs_best}
    scores = {"accuracy": row.accuracy}
    if row.classes is not None and row.classes.positive is not None:
        positive = row.classes.classes[row.classes.positive]
        of_classes = (row.classes.macro_f1, positive.precision, positive.recall)
        scores = dict(zip(("macro F1", "precision", "recall"), (each.value for each in of_classes), strict=True))
    return {
        "#": str(row.rank),
        **({"ties": _ties(row)} if known else {}),
        "name": row.name,
        "id": short_id(row.id, row.name),
        "round": str(row.round) if row.operator != "none" else "-",
        "F1": number(row.f1),
        "interval": interval(row.f1_ci),
        **{name: number(value) for name, value in scores.items()},
        **retrieval_cells(row),
        "parsed": percent(row.parse_rate),
        "training": number(row.mean_training_accuracy),
        **({name: p_value(p) for name, p in p_values.items()} if known else {}),
        "AUC": number(row.bank_auc_any_form, 2),
        "flags": flags_text(row.flags),
    }


def _ties(row: RankedRow) -> str:
    from rewardsearch.run.tables import ranges

    return ranges(row.ties, ",") if row.ties and len(row.ties) > 1 else "-"
