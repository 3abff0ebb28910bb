"""Printing what the sealed test says of a task with classes: macro F1 against the start of training, the positive class by seed,
and where the chosen arm's answers went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import class_note, flags_told, number, percent, print_lines, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassScores, FinalRow, Interval


def print_class_table(rows: Sequence[FinalRow], named: Mapping[str, str], chosen: str | None, console: Console) -> None:
    """The arms in their order. rows: of a task with classes; named: how arms are told, by id."""
    scores = [row.classes for row in rows if row.classes is not None]
    names = tuple(scores[0].classes)
    start = next((named[row.id] for row in rows if row.kind == "policy"), "policy")
    headers = ("arm", "kind", "macro F1", f"vs {start}", "precision", "recall", "F1", "parsed", "flags")
    spare = ("kind", "parsed", "F1", "flags", "precision")
    cells = [
        _cells(row, of, ("* " if row.id == chosen else "  ") + named[row.id])
        for row, of in zip(rows, scores, strict=True)
    ]
    print_table(console, headers, cells, left=("arm", "kind", "flags"), spare=spare)
    print_lines(
        console,
        class_note(names),
        f"precision, recall and F1 are those of {names[0]}, precision and recall by seed.",
        f"intervals: over the questions, given the trained policies; vs {start}: macro F1, questions paired.",
    )


def print_confusion(row: FinalRow, name: str, console: Console) -> None:
    """What an arm answered by gold class, the mean over its seeds."""
    if row.classes is None:
        return
    confusion = row.classes.confusion
    answers = list(next(iter(confusion.values())))
    print_lines(
        console, "", f"answers of {name}, by gold class{', means over seeds' if len(row.f1_by_seed) > 1 else ''}:"
    )
    cells = [
        (gold, *(f"{count:.1f}".removesuffix(".0") for count in said.values())) for gold, said in confusion.items()
    ]
    print_table(console, ("gold", *answers), cells, left=("gold",))


def _cells(row: FinalRow, scores: ClassScores, name: str) -> tuple[str, ...]:
    positive = next(iter(scores.classes.values()))
    seeds = [row.classes_by_seed[seed] for seed in sorted(row.classes_by_seed)]
    macro = scores.macro_f1
    return (
        name,
        row.kind,
        f"{macro.value:.3f} [{macro.ci[0]:.2f}, {macro.ci[1]:.2f}]",
        _gain(row.macro_gain, row.macro_gain_ci),
        " ".join(f"{seed.precision:.2f}" for seed in seeds) or number(positive.precision.value, 2),
        " ".join(f"{seed.recall:.2f}" for seed in seeds) or number(positive.recall.value, 2),
        number(row.f1),
        percent(row.parse_rate),
        flags_told(row.flags),
    )


def _gain(gain: float | None, ci: Interval | None) -> str:
    return "-" if gain is None or ci is None else f"{gain:+.3f} [{ci[0]:+.2f}, {ci[1]:+.2f}]"
