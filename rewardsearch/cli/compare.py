"""`rewardsearch compare`: paired tests of two candidates, or of any two models' predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rewardsearch.rank import Comparison


def compare(
    what: Annotated[list[str], typer.Argument(metavar="RUN ID ID", help="A run and two of its arms; or two files.")],
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Compare two JSON Lines files with id, gold and prediction.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare two arms of a run, or two models' predictions, question by question.

    Differences are the first less the second, with paired bootstrap intervals.
    """
    from rewardsearch.cli.tables import print_json
    from rewardsearch.errors import UserError
    from rewardsearch.rank import compare_predictions, read_predictions

    if len(what) != (2 if predictions else 3):
        form = "compare --predictions A.jsonl B.jsonl" if predictions else "compare RUN ID ID"
        raise UserError(f"compare: got {len(what)} arguments; write rewardsearch {form}")
    if predictions:
        names = (what[0], what[1])
        result = compare_predictions(read_predictions(Path(what[0])), read_predictions(Path(what[1])))
    else:
        names, result = _of_a_run(*what)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _print(names, result)


def _of_a_run(run: str, *ids: str) -> tuple[tuple[str, str], Comparison]:
    from rewardsearch.cli.runs import find_arm, name_of, open_run
    from rewardsearch.errors import UserError
    from rewardsearch.rank import compare_outcomes
    from rewardsearch.records import FULL

    state = open_run(run)
    arms = [find_arm(state, text) for text in ids]
    screens = {arm: state.screen_of(arm) for arm in arms}
    scored = {
        arm: each.outcomes for arm, each in screens.items() if each and each.rung == FULL and each.status == "done"
    }
    unscored = [arm for arm in arms if arm not in scored]
    if unscored:
        named = ", ".join(name_of(state, arm) for arm in unscored)
        raise UserError(
            f"{named} has no score in {state.folder}; see rewardsearch leaderboard {run} for those that have"
        )
    names = (name_of(state, arms[0]), name_of(state, arms[1]))
    return names, compare_outcomes(scored[arms[0]], scored[arms[1]], state.config.rank, state.config.seed)


def _print(names: tuple[str, str], result: Comparison) -> None:
    from rewardsearch.cli.tables import interval, make_console, number, p_value, percent, print_lines, print_table

    console = make_console()
    print_lines(console, f"{result.n} questions, matched by id")
    rows = [
        (
            name,
            number(side.f1),
            interval(side.f1_ci),
            number(side.accuracy),
            interval(side.accuracy_ci),
            percent(side.parse_rate),
        )
        for name, side in zip(names, (result.a, result.b), strict=True)
    ]
    d = result.difference
    rows.append(("first - second", number(d.f1), interval(d.f1_ci), number(d.accuracy), interval(d.accuracy_ci), ""))
    print_table(console, ("", "F1", "interval", "accuracy", "interval", "parsed"), rows, left=("",))
    m = result.mcnemar
    print_lines(
        console,
        f"right: both {m.both}, only the first {m.only_a}, only the second {m.only_b}, neither {m.neither}",
        f"McNemar: p exact {p_value(m.p_exact)}, chi-square with continuity correction {p_value(m.p_chi2)}",
    )
