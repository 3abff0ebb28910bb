"""`rewardsearch compare`: paired tests of two candidates, or of any two models' predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.rank.compare import Comparison, RewardGap, Side
    from rewardsearch.records import ClassEstimate, ClassScores
    from rewardsearch.stats import Estimate

_SHOWN = 40
"""Characters of an answer in a table; --json has all."""


def compare(
    what: Annotated[list[str], typer.Argument(metavar="RUN ID ID", help="A run and two of its arms; or two files.")],
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Compare two JSON Lines files with id, gold and prediction.")
    ] = False,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive", metavar="CLASS", help="With --predictions: gold is of two classes, this one positive."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Questions that are listed for each of the two.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare two arms of a run, or two models' predictions.

    The tests are paired by question; the questions that only one of the two answers right are listed. Differences are the first
    less the second, with paired bootstrap intervals. They are about these two trained policies, or predictions; of two rewards
    of a run the gain over questions and training seeds is shown as well. Where answers are classes, F1 is that of the positive
    one, and the scores of each class are shown."""
    from rewardsearch.cli.tables import print_json
    from rewardsearch.errors import UserError
    from rewardsearch.rank import compare_predictions, read_predictions
    from rewardsearch.session.runs import compare_arms, find_arm, name_of, open_run

    if len(what) != (2 if predictions else 3):
        form = "compare --predictions A.jsonl B.jsonl" if predictions else "compare RUN ID ID"
        raise UserError(f"compare: got {len(what)} arguments; write rewardsearch {form}")
    if positive is not None and not predictions:
        raise UserError("compare: got --positive without --predictions; a run knows its classes: leave it out")
    if predictions:
        names = (what[0], what[1])
        first, second = (read_predictions(Path(name)) for name in names)
        result = compare_predictions(first, second, positive=positive)
    else:
        state = open_run(what[0])
        first_arm, second_arm = (find_arm(state, text) for text in what[1:])
        names = (name_of(state, first_arm), name_of(state, second_arm))
        result = compare_arms(state, first_arm, second_arm)
    if as_json:
        # Without classes nothing is said of them.
        print_json(result.model_dump(mode="json", exclude_none=True))
    else:
        _print(names, result, limit, "these predictions" if predictions else "these two trained policies")


def _print(names: tuple[str, str], result: Comparison, limit: int, about: str) -> None:
    """about: what the tests over the questions are about."""
    from rewardsearch.cli.tables import (
        interval,
        make_console,
        number,
        p_value,
        percent,
        print_lines,
        print_table,
        signed,
        signed_interval,
    )

    console = make_console()
    of = f"; F1 is that of {next(iter(result.a.classes.classes))}" if result.a.classes else ""
    if (gap := result.rewards) is not None:
        print_lines(
            console,
            f"as rewards: F1 {signed(gap.f1)} {signed_interval(gap.f1_ci)}, p {p_value(gap.p)}, over questions and training "
            f"seeds, with the noise between the baseline's {len(gap.seeds)} seeds{_mean_told(gap)}",
            "",
        )
    print_lines(console, f"{about}, over the questions alone: {result.n} questions, matched by id{of}")

    def cells(scores: Side | Estimate, macro: ClassEstimate | None) -> tuple[str, ...]:
        own = (number(scores.f1), interval(scores.f1_ci), number(scores.accuracy), interval(scores.accuracy_ci))
        return (*own, number(macro.value), interval(macro.ci)) if macro else own

    rows = [
        (name, *cells(side, side.classes.macro_f1 if side.classes else None), percent(side.parse_rate))
        for name, side in zip(names, (result.a, result.b), strict=True)
    ]
    rows.append(("first - second", *cells(result.difference, result.macro_f1_difference), ""))
    macro_headers = ("macro F1", "interval") if result.macro_f1_difference else ()
    print_table(console, ("", "F1", "interval", "accuracy", "interval", *macro_headers, "parsed"), rows, left=("",))
    if result.a.unreadable or result.b.unreadable:
        counts = f"{result.a.unreadable} of the first, {result.b.unreadable} of the second"
        print_lines(console, f"predictions that are no answer, such as no number, count as unparsed: {counts}")
    m = result.mcnemar
    print_lines(
        console,
        f"right: both {m.both}, only the first {m.only_a}, only the second {m.only_b}, neither {m.neither}",
        f"McNemar: p exact {p_value(m.p_exact)}, chi-square with continuity correction {p_value(m.p_chi2)}",
    )
    _print_discordant(console, result, limit)
    if result.a.classes and result.b.classes:
        _print_classes(console, dict(zip(("first", "second"), (result.a.classes, result.b.classes), strict=True)))


def _mean_told(gap: RewardGap) -> str:
    """That the baseline counts with another score there than in the table below."""
    if not gap.baseline_mean:
        return ""
    return f"; the baseline counts with its mean over {len(gap.seeds)} seeds here, and with seed {gap.seeds[0]} below"


def _print_discordant(console: Console, result: Comparison, limit: int) -> None:
    """The first `limit` questions that only the first answers right, then those that only the second does."""
    from rewardsearch.cli.tables import print_lines, print_table, shortened

    told = {"a": "first", "b": "second"}
    sides = {side: [each for each in result.discordant if each.right == side] for side in told}
    shown = [each for found in sides.values() for each in found[:limit]]
    if not shown:
        return
    print_lines(console, "", "questions that only one of the two answers right:")
    texts = [[shortened(text or "-", _SHOWN) for text in (each.gold, each.a, each.b)] for each in shown]
    rows = [(each.id, *cells, told[each.right]) for each, cells in zip(shown, texts, strict=True)]
    print_table(console, ("id", "gold", "first", "second", "right"), rows, left=("id", "right"))
    if left := len(result.discordant) - len(shown):
        print_lines(console, f"{left:,} more; --limit N lists more, --json all of them")


def _print_classes(console: Console, arms: Mapping[str, ClassScores]) -> None:
    from rewardsearch.cli.tables import class_note, interval, number, print_lines, print_table

    classes = tuple(next(iter(arms.values())).classes)
    rows = []
    for name in classes:
        for arm, scores in arms.items():
            row = scores.classes[name]
            cells = [
                text for each in (row.precision, row.recall, row.f1) for text in (number(each.value), interval(each.ci))
            ]
            answered = [f"{count:g}" for count in scores.confusion[name].values()]
            rows.append((name, arm, *cells, *answered))
    headers = ("class", "of", "precision", "interval", "recall", "interval", "F1", "interval")
    answers = [f"as {answer}" for answer in next(iter(arms.values())).confusion[classes[0]]]
    print_lines(console, "")
    print_table(console, (*headers, *answers), rows, left=("class", "of"))
    print_lines(console, class_note(classes))
