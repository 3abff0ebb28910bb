"""`rewardsearch doctor`: whether this machine can carry out a search, and how well it holds a candidate's code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    config: Annotated[str | None, typer.Argument(help="A YAML config whose needs are checked too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Check Python, packages, devices, disk, sandbox layers and proposer. Ends with exit code 2 when a check fails."""
    from rewardsearch.cli.tables import make_console, print_json, print_lines
    from rewardsearch.config import Config, load_config
    from rewardsearch.doctor import examine

    findings = examine(load_config(config) if config is not None else Config())
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
