"""`rewardsearch doctor`: whether this machine can run a search, and how well it confines the code of candidates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    config: Annotated[str | None, typer.Argument(metavar="CONFIG", help="A YAML config to check for.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as sandbox.bubblewrap=true. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Check whether this machine can run a search.

    Checks Python, packages, devices, disk, sandbox layers, proposer, data and policy. Ends with exit code 2 when a check fails.
    """
    from rewardsearch.cli.tables import make_console, print_json, print_lines
    from rewardsearch.config import load_config, parse_config
    from rewardsearch.session.doctor import examine

    overrides = set_ or []
    settings = parse_config({}, "--set", overrides) if config is None else load_config(config, overrides)
    findings = list(examine(settings))
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
