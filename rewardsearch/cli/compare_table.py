"""Two arms of a run, or two models' predictions, next to each other as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewardsearch.cli.tables import (
    F1_LEGEND,
    MANY_CLASSES,
    class_legend,
    estimate,
    gain,
    print_facts,
    print_lines,
    print_table,
    score,
)
from rewardsearch.files.numbers import p_value, percent

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.rank.compare import Comparison, RewardGap
    from rewardsearch.records import ClassScores

_SHOWN = 40
"""Characters of an answer in a table; --json has all."""
_SIDES = {"a": "first", "b": "second"}


def print_comparison(names: tuple[str, str], result: Comparison, limit: int, about: str, console: Console) -> None:
    """Scores with intervals, McNemar's test, the questions that only one side answers correctly, and the classes.

    limit: questions that are listed for each side. about: what the tests over the questions are about.
    """
    classes = result.a.classes
    of = f"; F1 is {f'that of {classes.positive}' if classes.positive else 'macro F1'}" if classes else ""
    if (gap := result.rewards) is not None:
        print_lines(
            console,
            f"as rewards: F1 {gain(gap.f1, gap.f1_ci)}, p {p_value(gap.p)}, over questions and training "
            f"seeds, with the noise between the baseline's {len(gap.seeds)} seeds{_mean_text(gap)}",
            "",
        )
    print_lines(console, f"{about}, over the questions alone: {result.n} questions, matched by id{of}; 95 % intervals")
    print_facts(console, zip(_SIDES.values(), names, strict=True))
    print_table(console, ("score", *_SIDES.values(), "first - second"), _scores(result))
    f1 = class_legend(classes) if classes else {"F1": F1_LEGEND}
    legend = {"accuracy": "share of correct answers", **f1, "parsed": "share of answers that can be read"}
    print_facts(console, [(name, legend[name]) for name, *_ in _scores(result)])
    if result.a.unreadable or result.b.unreadable:
        counts = f"{result.a.unreadable} of the first, {result.b.unreadable} of the second"
        print_lines(console, f"predictions that are not an answer, such as not a number, count as unparsed: {counts}")
    m = result.mcnemar
    print_lines(
        console,
        f"correct: both {m.both}, only the first {m.only_a}, only the second {m.only_b}, neither {m.neither}",
        f"McNemar: p exact {p_value(m.p_exact)}, chi-square with continuity correction {p_value(m.p_chi2)}",
    )
    _print_discordant(console, result, limit)
    if result.a.classes and result.b.classes:
        _print_classes(console, result.a.classes, result.b.classes)


def _scores(result: Comparison) -> list[tuple[str, ...]]:
    """A row per score: its name, both sides, their difference."""
    a, b, difference = result.a, result.b, result.difference
    f1 = (score(each.f1, each.f1_ci) for each in (a, b))
    accuracy = (score(each.accuracy, each.accuracy_ci) for each in (a, b))
    rows = [
        ("F1", *f1, gain(difference.f1, difference.f1_ci)),
        ("accuracy", *accuracy, gain(difference.accuracy, difference.accuracy_ci)),
    ]
    if a.classes and b.classes and a.classes.positive and (macro := result.macro_f1_difference):
        both = [estimate(each.macro_f1) for each in (a.classes, b.classes)]
        rows.append(("macro F1", *both, gain(macro.value, macro.ci)))
    rows.append(("parsed", percent(a.parse_rate), percent(b.parse_rate), ""))
    return rows


def _mean_text(gap: RewardGap) -> str:
    """A note if the baseline has another score here than in the table below."""
    if not gap.baseline_mean:
        return ""
    return f"; the baseline counts with its mean over {len(gap.seeds)} seeds here, and with seed {gap.seeds[0]} below"


def _print_discordant(console: Console, result: Comparison, limit: int) -> None:
    """The first `limit` questions that only the first side answers correctly, then those of the second side."""
    shown = [each for side in _SIDES for each in [d for d in result.discordant if d.right == side][:limit]]
    if not shown:
        return
    print_lines(console, "", "questions that only one of the two answers correctly:")
    rows = [(each.id, *map(_shortened, (each.gold, each.a, each.b)), _SIDES[each.right]) for each in shown]
    headers = ("id", "gold", "first", "second", "correct")
    print_table(console, headers, rows, wrap=dict.fromkeys(headers[:-1], 6))
    if left := len(result.discordant) - len(shown):
        print_lines(console, f"{left:,} more; --limit N lists more, --json all of them")


def _shortened(text: str | None) -> str:
    return f"{text[: _SHOWN - 1]}…" if text and len(text) > _SHOWN else text or "-"


def _print_classes(console: Console, first: ClassScores, second: ClassScores) -> None:
    sides = (first, second)
    print_lines(console, "", "by class:")
    rows = [
        (f"{name} {score}", *(estimate(getattr(side.classes[name], score)) for side in sides))
        for name in first.classes
        for score in ("precision", "recall", "f1")
    ]
    print_table(console, ("score", *_SIDES.values()), rows, wrap={"score": 10})
    if len(first.classes) > MANY_CLASSES:
        print_lines(console, "", "answers by gold class: --json has the two confusion matrices")
        return
    answers = tuple(next(iter(first.confusion.values())))
    counts = [
        (gold, side, *(f"{count:g}" for count in scores.confusion[gold].values()))
        for gold in first.classes
        for side, scores in zip(_SIDES.values(), sides, strict=True)
    ]
    print_lines(console, "", "answers by gold class:")
    print_table(console, ("gold", "of", *answers), counts, wrap={"gold": 10})
