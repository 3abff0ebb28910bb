"""`rewardsearch export`: rewards of a run as a module for the trainer the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name under runs/.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write into.")],
    to: Annotated[str, typer.Option(metavar="TARGET", help="The trainer: trl.")] = "trl",
    top: Annotated[int | None, typer.Option(min=1, metavar="K", help="The best K candidates together.")] = None,
    ensemble: Annotated[
        str | None, typer.Option(metavar="NAME", help="An ensemble of finalize, a candidate or another arm.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Write a run's rewards as a module without dependencies.

    Those that finalize chose, unless told otherwise, with what the sealed test says of them.
    """
    from rewardsearch.cli.tables import make_console, print_json, print_lines, print_whole
    from rewardsearch.exporters import choose_rewards
    from rewardsearch.exporters import export as write
    from rewardsearch.session.runs import final_document, find_arm, open_run, ranking_of

    state = open_run(run)
    arm = find_arm(state, ensemble) if ensemble is not None else None
    choice = choose_rewards(state, ranking_of(state), top=top, arm=arm)
    paths = write(to, choice, out)
    if as_json:
        rewards = [{"id": spec.id, "name": spec.name, "weight": spec.weight} for spec in choice.rewards]
        print_json(
            {
                "run": str(state.folder),
                "files": [str(path) for path in paths],
                "source": choice.source,
                "aggregation": choice.aggregation,
                "rewards": rewards,
                "final": final_document(state, choice.arm),
            }
        )
        return
    console = make_console()
    for path in paths:
        print_whole(console, f"wrote {path}")
    print_lines(console, *(f"  {spec.name} ({spec.id}) at weight {spec.weight:.4g}" for spec in choice.rewards))
    print_lines(console, *choice.said, hang=2)
