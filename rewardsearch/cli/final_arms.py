"""The arms on the sealed test as a table, with F1 or, on a task with classes, with the scores of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import (
    F1_LEGEND,
    FLAGS_LEGEND,
    FLAGS_WRAP,
    MANY_CLASSES,
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
    stacked,
)
from rewardsearch.files.numbers import interval, number, p_value, percent, signed

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import FinalRow

_SEEDS = "the lowest and the highest by training seed"
_LEGEND = {
    "arm": "what was trained; * marks the chosen arm",
    "kind": "single: one candidate; control: what an ensemble has to beat; reference: a reward written by hand; "
    "heuristic: a baseline without a model",
    "F1": f"the mean over the training seeds; {F1_LEGEND}",
    "seeds": f"F1, {_SEEDS}",
    "p/base": "two-sided p-value of the gain in F1 over the baseline, over training seeds and questions",
    "corr.": "p/base corrected for the number of arms",
    "val F1": "F1 of the same policies on val",
    "test-val": "F1 on the test minus F1 on val",
    "parsed": "share of the completions with an answer that can be read",
    "p/policy": "the same as p/base, against the policy before training",
    "flags": FLAGS_LEGEND,
    **RETRIEVAL_LEGEND,
}
_SPARE = (
    "p/policy",
    "nDCG@10",
    "MRR",
    "parsed",
    "test-val",
    "val F1",
    "interval",
    "kind",
    "seeds",
    "corr.",
    "flags",
    "p/base",
)
_SPARE_OF_CLASSES = ("corr.", "p/base", "kind", "parsed", "interval", "F1", "accuracy", "precision", "flags")
_CONFUSIONS = 3
"""Wrong answers that the list has for each class."""


def print_arms(
    rows: Sequence[FinalRow], named: Mapping[str, str], chosen: str | None, console: Console, wide: bool = False
) -> None:
    """The arms in their order. named: names of arms by id. wide: every column, and flags by name."""
    classes = scores_of_classes(rows)
    versus = f"vs {next((named[row.id] for row in rows if row.kind == 'policy'), 'policy')}" if classes else "gain"
    main = "macro F1" if classes else "F1"
    of_rewards = any(row.gain_ci is not None for row in rows)
    over = "over training seeds and questions"
    # With one training seed an arm says nothing about rewards.
    alone = "over the questions alone, so of these trained policies"
    legend = _LEGEND | {
        versus: f"{main} minus that of the {'policy before GRPO' if classes else 'baseline'}, with its interval, "
        f"{over if of_rewards else alone}",
        "interval": f"of the {main} that a new training is expected to give, {over}"
        if of_rewards
        else f"of {main} {alone}",
    }
    if classes:
        of = class_legend(classes)
        legend |= of | {name: f"{of[name]}; {_SEEDS}" for name in ("precision", "recall") if name in of}
        legend["F1"] = f"{of['F1']}; the mean over the training seeds"
    if not wide:
        _print_short(rows, named, chosen, versus, legend, console)
        return
    cells = [_cells(row, ("* " if row.id == chosen else "  ") + named[row.id], versus) for row in rows]
    spare = _SPARE_OF_CLASSES if classes else _SPARE
    print_table(console, cells[0], [each.values() for each in cells], wrap=FLAGS_WRAP, spare=spare, legend=legend)


def _print_short(
    rows: Sequence[FinalRow],
    named: Mapping[str, str],
    chosen: str | None,
    versus: str,
    legend: Mapping[str, str],
    console: Console,
) -> None:
    """Six columns: of a task with a positive class its precision and recall in the place of kind and accuracy."""
    cells = [_short_cells(row, ("* " if row.id == chosen else "  ") + named[row.id], versus, console) for row in rows]
    main = "macro F1" if rows[0].classes else "F1"
    print_table(
        console,
        cells[0],
        [each.values() for each in cells],
        wrap=SHORT_FLAGS_WRAP,
        spare=("kind", "accuracy", "flags", "precision"),
        legend={
            **legend,
            "accuracy": "",
            main: f"{legend[main].partition(';')[0]}, with its interval: {legend['interval']}",
        },
    )


def _short_cells(row: FinalRow, name: str, versus: str, console: Console) -> dict[str, str]:
    from rewardsearch.records.flags import flag_words

    flags = {"flags": flag_words(row.flags)}
    if row.classes is None:
        main = {"F1": stacked(score(row.f1, row.expected_ci or row.f1_ci), console.width)}
        difference = gain(row.gain, row.gain_ci or row.gain_questions_ci)
        more = {"kind": row.kind, **main, "accuracy": number(row.accuracy)}
    else:
        macro = row.classes.macro_f1
        main = {"macro F1": stacked(score(macro.value, row.expected_macro_ci or macro.ci), console.width)}
        difference = gain(row.macro_gain, row.macro_gain_ci or row.macro_gain_questions_ci, 2)
        more = (
            {"kind": row.kind, **main, "accuracy": number(row.accuracy)}
            if row.classes.positive is None
            else main | _precision_recall(row, row.classes.positive)
        )
    return {"arm": name, **more, versus: stacked(difference, console.width), **flags}


def _precision_recall(row: FinalRow, positive: str) -> dict[str, str]:
    assert row.classes is not None
    mean, seeds = row.classes.classes[positive], row.classes_by_seed.values()
    return {
        "precision": _range([seed.precision for seed in seeds] or [mean.precision.value], 2),
        "recall": _range([seed.recall for seed in seeds] or [mean.recall.value], 2),
    }


def _cells(row: FinalRow, name: str, versus: str) -> dict[str, str]:
    """The cells of a row by column."""
    arm, p_values = {"arm": name, "kind": row.kind}, [p_value(row.p_vs_baseline), p_value(row.p_adjusted)]
    base = dict(zip(("p/base", "corr."), p_values, strict=True))
    parsed, flags = {"parsed": percent(row.parse_rate)}, {"flags": flags_text(row.flags)}
    if row.classes is not None:
        scores = {
            "macro F1": number(row.classes.macro_f1.value),
            "interval": interval(row.expected_macro_ci or row.classes.macro_f1.ci),
            versus: gain(row.macro_gain, row.macro_gain_ci or row.macro_gain_questions_ci, 2),
        }
        if row.classes.positive is None:
            return arm | scores | {"accuracy": number(row.accuracy)} | base | parsed | flags
        scores |= {**_precision_recall(row, row.classes.positive), "F1": number(row.f1)}
        return arm | scores | base | parsed | flags
    scores = {
        "F1": number(row.f1),
        "seeds": _range(list(row.f1_by_seed.values()), 3) if len(row.f1_by_seed) > 1 else "-",
        versus: gain(row.gain, row.gain_ci or row.gain_questions_ci),
    }
    scores |= retrieval_cells(row)
    on_val = {
        "interval": interval(row.expected_ci or row.f1_ci),
        "val F1": number(row.val_f1),
        "test-val": signed(None if row.f1 is None or row.val_f1 is None else row.f1 - row.val_f1),
    }
    return arm | scores | base | on_val | parsed | {"p/policy": p_value(row.p_vs_policy)} | flags


def _range(values: Sequence[float], digits: int) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low}-{high}"


def print_confusion(row: FinalRow, name: str, console: Console) -> None:
    """The answers of an arm by gold class, the mean over its seeds; of many classes the most frequent answers."""
    if row.classes is None:
        return
    confusion = row.classes.confusion
    means = ", means over seeds" if len(row.f1_by_seed) > 1 else ""
    if len(confusion) > MANY_CLASSES:
        print_lines(console, "", f"answers of {name} by gold class{means}; --json has all of them:")
        cells = [
            (gold, _count(sum(counts.values())), _count(counts[gold]), _confusions(gold, counts))
            for gold, counts in confusion.items()
        ]
        print_table(console, ("gold", "questions", "right", "most frequent other answers"), cells)
        return
    print_lines(console, "", f"answers of {name} (columns) by gold class (rows){means}:")
    matrix = [(gold, *map(_count, counts.values())) for gold, counts in confusion.items()]
    print_table(console, ("gold", *next(iter(confusion.values()))), matrix)


def _confusions(gold: str, counts: Mapping[str, float]) -> str:
    others = sorted((name for name in counts if name != gold and counts[name]), key=lambda name: -counts[name])
    return ", ".join(f"{name} {_count(counts[name])}" for name in others[:_CONFUSIONS]) or "-"


def _count(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
