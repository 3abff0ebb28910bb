"""`rewardsearch export`: the rewards of a run as files for a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.tables import make_console, print_json, print_lines, print_whole


def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write into.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="The trainer, such as trl or verl (docs/export.md has all), package.module:Name, or file.py:Name.",
        ),
    ] = "trl",
    top: Annotated[int | None, typer.Option(min=1, metavar="K", help="The best K candidates together.")] = None,
    ensemble: Annotated[
        str | None, typer.Option(metavar="NAME", help="An ensemble of finalize, a candidate or another arm.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a run's rewards as files for a trainer.

    Without --top and --ensemble: the rewards that finalize chose, with their score on the sealed test.
    """
    from rewardsearch.exporters import export as write
    from rewardsearch.exporters import select_rewards
    from rewardsearch.session.runs import final_document, find_arm, open_run, ranking_of

    state = open_run(run)
    arm = find_arm(state, ensemble) if ensemble is not None else None
    selection = select_rewards(state, ranking_of(state), top=top, arm=arm)
    paths = write(to, selection, out)
    if as_json:
        rewards = [{"id": spec.id, "name": spec.name, "weight": spec.weight} for spec in selection.rewards]
        print_json(
            {
                "run": str(state.folder),
                "files": [str(path) for path in paths],
                "source": selection.source,
                "aggregation": selection.aggregation,
                "rewards": rewards,
                "final": final_document(state, selection.arm),
            }
        )
        return
    console = make_console()
    for path in paths:
        print_whole(console, f"wrote {path}")
    print_lines(console, *(f"  {spec.name} ({spec.id}) with weight {spec.weight:.4g}" for spec in selection.rewards))
    print_lines(console, *selection.test_findings, hang=2)
