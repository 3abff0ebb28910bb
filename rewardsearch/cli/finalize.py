"""`rewardsearch finalize`: ensembles, controls and the one reading of the sealed test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def finalize(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Train the ensemble and its controls on what a run has found, and read the sealed test once."""
    import sys

    from rich.console import Console

    from rewardsearch.cli.progress import SearchProgress
    from rewardsearch.cli.run import stop_on_sigterm
    from rewardsearch.cli.tables import print_final
    from rewardsearch.journal import read_run
    from rewardsearch.search import finalize_run

    state = read_run(run)
    stop_on_sigterm()
    with SearchProgress(Console(stderr=as_json, highlight=False), state.config, len(state.results)) as progress:
        state = finalize_run(state.config, run, progress)
    assert state.final is not None
    if as_json:
        sys.stdout.write(state.final.model_dump_json(indent=1) + "\n")
    else:
        print_final(state.final, Console(highlight=False))
