"""`rewardsearch finalize`: finalists, ensembles and controls, and the one reading of the sealed test."""

from __future__ import annotations

from typing import Annotated

import typer

from rewardsearch.cli.final_table import print_final, print_pairs
from rewardsearch.cli.options import JsonOption, MixOption, RunArgument
from rewardsearch.cli.run import stop_on_sigterm
from rewardsearch.cli.tables import make_console, print_json, print_lines, print_whole


def finalize(
    run: RunArgument,
    pairs: Annotated[bool, typer.Option("--pairs", help="Also the tests of all pairs of arms.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Every column of the table, and flags by name.")] = False,
    mix: MixOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train finalists with new seeds, read the sealed test once.

    Also trains ensembles, controls and references. For a finalized run it shows the results; it trains and reads nothing again.
    """
    from rewardsearch.run.restore import missing_lines
    from rewardsearch.session.runs import finalize_document, open_run

    state = open_run(run)
    if state.final is not None:
        print_lines(make_console(stderr=as_json), *state.test_opened_message)
    else:
        from rewardsearch.cli.progress import SearchProgress
        from rewardsearch.loop import finalize_run
        from rewardsearch.report import report_at_end

        stop_on_sigterm()
        with SearchProgress(make_console(stderr=as_json), state.config) as progress:
            state = finalize_run(state.config, state.folder, progress, mix)
        print_whole(make_console(stderr=as_json), report_at_end(state.folder, state))
    assert state.final is not None
    if as_json:
        print_json(finalize_document(state))
        return
    console = make_console()
    print_final(state.final, console, wide)
    print_lines(console, *missing_lines(state))
    if pairs:
        console.print()
        print_pairs(state.final, console)
