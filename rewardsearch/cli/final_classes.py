"""The results of the sealed test for a task with classes, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import (
    FLAGS_LEGEND,
    class_legend,
    flags_text,
    interval,
    number,
    p_value,
    percent,
    print_lines,
    print_table,
    signed,
    signed_interval,
)

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassScores, FinalRow

_SEEDS = "the lowest and the highest by training seed"


def print_class_table(rows: Sequence[FinalRow], named: Mapping[str, str], chosen: str | None, console: Console) -> None:
    """The arms in their order. rows: of a task with classes. named: names of arms by id."""
    scores = [row.classes for row in rows if row.classes is not None]
    versus = f"vs {next((named[row.id] for row in rows if row.kind == 'policy'), 'policy')}"
    of = class_legend(tuple(scores[0].classes))
    of_rewards = any(row.gain_ci is not None for row in rows)
    alone = "over the questions alone, so of these trained policies"
    over = "over training seeds and questions" if of_rewards else alone
    expected = "of the macro F1 that a new training is expected to give, over training seeds and questions"
    legend = {
        "arm": "what was trained; * marks the chosen arm",
        "kind": "single: one candidate; reference: a reward written by hand; heuristic: a baseline without a model",
        "macro F1": of["macro F1"],
        "interval": expected if of_rewards else f"of macro F1, {alone}",
        versus: f"macro F1 minus that of the policy before GRPO, with its interval, {over}",
        "precision": f"{of['precision']}; {_SEEDS}",
        "recall": f"{of['recall']}; {_SEEDS}",
        "F1": f"{of['F1']}; the mean over the training seeds",
        "p/base": "two-sided p-value of the gain in F1 over the baseline, over training seeds and questions",
        "corr.": "p/base corrected for the number of arms",
        "parsed": "share of the completions with an answer that can be read",
        "flags": FLAGS_LEGEND,
    }
    print_table(
        console,
        legend,
        [
            _cells(row, of, ("* " if row.id == chosen else "  ") + named[row.id])
            for row, of in zip(rows, scores, strict=True)
        ],
        spare=("corr.", "p/base", "kind", "parsed", "interval", "F1", "precision", "flags"),
        legend=legend,
    )


def print_confusion(row: FinalRow, name: str, console: Console) -> None:
    """The answers of an arm by gold class, the mean over its seeds."""
    if row.classes is None:
        return
    confusion = row.classes.confusion
    means = ", means over seeds" if len(row.f1_by_seed) > 1 else ""
    print_lines(console, "", f"answers of {name} (columns) by gold class (rows){means}:")
    cells = [
        (gold, *(f"{count:.1f}".removesuffix(".0") for count in counts.values())) for gold, counts in confusion.items()
    ]
    print_table(console, ("gold", *next(iter(confusion.values()))), cells)


def _cells(row: FinalRow, scores: ClassScores, name: str) -> tuple[str, ...]:
    positive = next(iter(scores.classes.values()))
    seeds = row.classes_by_seed.values()
    gain, ci = row.macro_gain, row.macro_gain_ci or row.macro_gain_questions_ci
    return (
        name,
        row.kind,
        number(scores.macro_f1.value),
        interval(row.expected_macro_ci or scores.macro_f1.ci),
        f"{signed(gain)} {signed_interval(ci, 2)}" if ci else signed(gain),
        _range([seed.precision for seed in seeds] or [positive.precision.value]),
        _range([seed.recall for seed in seeds] or [positive.recall.value]),
        number(row.f1),
        p_value(row.p_vs_baseline),
        p_value(row.p_adjusted),
        percent(row.parse_rate),
        flags_text(row.flags),
    )


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low}-{high}"
