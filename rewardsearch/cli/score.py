"""`rewardsearch score`: a reward, sandboxed, on rows of a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rewardsearch.cli.options import JsonOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_json, print_lines, print_table


def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A reward file.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="JSON Lines with prompt, completion, answer and further columns; `measured` is an object of numbers.",
        ),
    ],
    config: Annotated[str | None, typer.Option(metavar="CONFIG", help="A YAML config: its sandbox and bound.")] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a reward in the sandbox on the rows of a file. Ends with exit code 4 when the reward fails."""
    from rewardsearch.session.scoring import rows_to_score, score_rows
    from rewardsearch.session.validating import read_reward

    code, rows = read_reward(file).code, rows_to_score(data)
    scores = score_rows(code, rows, settings_of(config, set_))
    summary = scores.summary
    if scores.printed:
        sys.stderr.write(f"the reward printed:\n{scores.printed}\n")
    if as_json:
        rewards = [row.model_dump(mode="json") for row in scores.rows]
        print_json({"rows": rewards, "summary": summary, "error": scores.error})
    elif scores.error is not None:
        print_lines(make_console(), f"{file}: {scores.error}")
    else:
        console = make_console()
        names = list(summary["components"])
        cells = [
            [str(i), f"{row.reward:.4g}", *(_cell(row.components.get(name)) for name in names)]
            for i, row in enumerate(scores.rows, start=1)
        ]
        legend = {"reward": "the sum of its components"} if names else {}
        print_table(console, ("row", "reward", *names), cells, wrap=dict.fromkeys(names, 8), legend=legend)
        ends = ", ".join(f"{key} {summary[key]:.4g}" for key in ("mean", "min", "max"))
        print_lines(console, f"{summary['n']} rows: {ends}")
    if scores.error is not None:
        raise typer.Exit(4)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
