"""`rewardsearch init`: a folder to work in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from rewardsearch.cli.tables import make_console, print_lines, print_whole
from rewardsearch.errors import UserError


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder, which is made where there is none.")],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Rows: JSON Lines, CSV, Parquet, or a hub id. The config is guessed from them."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="T", help="Without --data: arithmetic, gsm8k or resume. [default: arithmetic]")
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="COLUMN", help="With --data: the column of the prompt.")] = None,
    answer: Annotated[str | None, typer.Option(metavar="COLUMN", help="With --data: the column of the answer.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="With --data: the policy, a hub id or a folder.")
    ] = None,
) -> None:
    """Write a commented config and an example reward.

    Says what was guessed from the data, and whether a search with the config could start. Overwrites nothing.
    """
    from rewardsearch.session.starting import DataSource, shown_path, start_from_data, start_from_task

    if data is None:
        given = {"--prompt": prompt, "--answer": answer, "--model": model}
        if extra := [name for name, value in given.items() if value is not None]:
            raise UserError(f"{', '.join(extra)} without --data; give --data FILE, or leave {', '.join(extra)} out")
        started = start_from_task(folder, task or "arithmetic")
    else:
        if task is not None:
            raise UserError("got --data and --task; a config has one task: give one of them")
        started = start_from_data(folder, DataSource(data, prompt, answer), model)
    console = make_console()
    print_lines(console, *(f"guessed {line}" for line in started.guesses))
    for file in started.files:
        print_whole(console, f"wrote {shown_path(file)}")
    print_lines(console, *(f"warning: {line}" for line in started.warnings))
    print_lines(console, *(f"not ready yet: {line}" for line in started.problems))
    config = shlex.quote(shown_path(started.config))
    print_whole(console, f"next: rewardsearch data {config}")
    print_whole(console, f"      rewardsearch run {config} --dry-run")
