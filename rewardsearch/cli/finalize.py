"""`rewardsearch finalize`: ensembles, controls and the one reading of the sealed test."""

from __future__ import annotations

from typing import Annotated

import typer


def finalize(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name under runs/.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Train the ensemble and its controls on what a run has found, and read the sealed test once."""
    import sys

    from rich.console import Console

    from rewardsearch.cli.progress import SearchProgress
    from rewardsearch.cli.run import stop_on_sigterm
    from rewardsearch.cli.runs import open_run
    from rewardsearch.cli.tables import print_final
    from rewardsearch.search import finalize_run

    state = open_run(run)
    stop_on_sigterm()
    with SearchProgress(Console(stderr=as_json, highlight=False), state.config, len(state.results)) as progress:
        state = finalize_run(state.config, state.folder, progress)
    assert state.final is not None
    if as_json:
        sys.stdout.write(state.final.model_dump_json(indent=1) + "\n")
    else:
        print_final(state.final, Console(highlight=False))
