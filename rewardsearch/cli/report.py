"""`rewardsearch report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rewardsearch.cli.options import RunArgument
from rewardsearch.cli.tables import make_console, print_lines, print_whole
from rewardsearch.errors import UserError
from rewardsearch.files.numbers import size


def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="The file. [default: report.html of the run]")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the report on this machine; it follows a running search.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Begin at the first round, with a control to go on round by round.")
    ] = False,
    port: Annotated[int, typer.Option(metavar="PORT", help="With --serve; 0 takes a free one.")] = 0,
) -> None:
    """Write a report of a run: one HTML file that needs no network."""
    from rewardsearch.report import write_report
    from rewardsearch.session.runs import open_run

    state = open_run(run)
    console = make_console()
    if not serve:
        if port:
            raise UserError(f"--port: got {port} without --serve; add --serve or leave --port out")
        path = write_report(state, out, replay)
        print_whole(console, f"wrote {path} ({size(path.stat().st_size)})")
        return
    if out is not None:
        raise UserError(f"-o: got {out} with --serve, which writes no file; give one of them")
    from rewardsearch.report.serve import ReportServer

    with ReportServer(state.folder, port, replay) as server:
        print_whole(console, f"serving {server.url}")
        print_lines(console, "the page refreshes itself; Ctrl-C ends it")
        server.serve_until_interrupted()
