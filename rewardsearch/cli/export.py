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
) -> None:
    """Write a run's rewards as a module without dependencies.

    Those that finalize chose, unless told otherwise.
    """
    from rewardsearch.cli.runs import find_arm, open_run, ranking_of
    from rewardsearch.cli.tables import make_console, print_lines
    from rewardsearch.export import choose_rewards
    from rewardsearch.export import export as write

    state = open_run(run)
    # An arm that would have been trained exactly as another stands under the other's name.
    same = state.final.same if state.final is not None else {}
    arm = find_arm(state, same.get(ensemble, ensemble)) if ensemble is not None else None
    choice = choose_rewards(state, ranking_of(state), top=top, arm=arm)
    paths = write(to, choice, out)
    print_lines(make_console(), *(f"wrote {path}" for path in paths))
    print_lines(make_console(), *(f"  {spec.name} ({spec.id}) at weight {spec.weight:.4g}" for spec in choice.rewards))
