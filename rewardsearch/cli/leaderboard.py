"""`rewardsearch leaderboard`: the ranked candidates of a run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.tables import make_console, print_json, print_lines
from rewardsearch.errors import UserError


def leaderboard(
    run: RunArgument,
    as_json: JsonOption = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="Every column: ids, ties, p-values, training, AUC; flags by name.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on standard output.")] = False,
) -> None:
    """Show a run's ranked candidates, with intervals and p-values."""
    from rewardsearch.run.restore import missing_lines
    from rewardsearch.run.tables import leaderboard_csv
    from rewardsearch.session.event_text import short_reason
    from rewardsearch.session.runs import leaderboard_document, open_run, ranking_of

    if as_json and as_csv:
        raise UserError("got --json and --csv; give one of them")
    state = open_run(run)
    ranking = ranking_of(state)
    if as_json:
        print_json(leaderboard_document(state, ranking))
    elif as_csv:
        sys.stdout.write(leaderboard_csv(ranking))
    else:
        console = make_console()
        print_leaderboard(ranking, console, wide)
        print_lines(console, *missing_lines(state))
        if state.refusals:
            print_lines(console, "", "replies without a candidate, and the reason:")
            print_lines(
                console,
                *(
                    f"round {n}: {refusal.name}: {refusal.reason if wide else short_reason(refusal.reason)}"
                    for n, refusal in state.refusals
                ),
            )
