"""`rewardsearch doctor`: whether this machine can run a search, and how well it confines the code of candidates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rewardsearch.cli.options import JsonOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_json, print_lines


def doctor(
    config: Annotated[str | None, typer.Argument(metavar="CONFIG", help="A YAML config to check for.")] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check whether this machine can run a search.

    Checks Python, packages, devices, disk, sandbox layers, proposer with its server and key, trackers, data and policy. Ends with
    exit code 2 when a check fails.
    """
    from rewardsearch.session.doctor import examine

    findings = list(examine(settings_of(config, set_)))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        console = make_console()
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            remedy = f" -> {finding.remedy}" if finding.remedy else ""
            print_lines(console, f"{finding.status:4}  {finding.name:{width}}  {finding.found}{remedy}")
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(2)
