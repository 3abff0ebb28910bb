"""`rewardsearch validate`: the validation of a search for hand-written rewards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardsearch.cli.options import JsonOption, SetOption
from rewardsearch.cli.sft import same_options
from rewardsearch.cli.tables import make_console, print_json, print_lines, write_messages
from rewardsearch.errors import UserError

if TYPE_CHECKING:
    from rewardsearch.config import Config
    from rewardsearch.records import Candidate, Verdict
    from rewardsearch.session.validating import Validation


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Reward files.")],
    task: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The task, named as in task.name. [default: arithmetic]"),
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="A YAML config: its task, limits, base rewards and bank.")
    ] = None,
    set_: SetOption = None,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Adapt rewards of other trainers first, as `rewardsearch adapt` does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate reward files as a search does.

    Ends with exit code 4 unless all are accepted. With --config CONFIG the stages bank and novelty run too, if a search has
    sampled the rollout bank of that config.
    """
    from rewardsearch.session.adapting import validate_files
    from rewardsearch.session.validating import SUBSTITUTE

    candidates, settings = _read(files), _settings(task, config, set_ or [])
    found = validate_files(
        list(zip(files, candidates, strict=True)), settings, searched=config is not None, adapted=adapt
    )
    write_messages(*_warnings(found, config, set_ or []))
    if as_json:
        print_json([_document(path, verdict) for path, verdict in zip(files, found.verdicts, strict=True)])
    else:
        console, on = make_console(), f" (on {SUBSTITUTE})" if found.hub_error else ""
        for path, verdict in zip(files, found.verdicts, strict=True):
            outcome = "accepted" if verdict.accepted else f"rejected ({verdict.stage}): {verdict.reason}"
            print_lines(console, f"{path}: {outcome}{on}")
            if verdict.flags:
                print_lines(console, f"  flags: {', '.join(verdict.flags)}")
            if verdict.on_bank:
                print_lines(console, f"  bank: {verdict.on_bank}")
            for flag, check in (("bank:collapse", "bank_collapse"), ("constant:probes", "constant_probes")):
                if verdict.accepted and check in verdict.checks:
                    print_lines(console, f"  {flag}: {verdict.checks[check]}")
    if not all(verdict.accepted for verdict in found.verdicts):
        raise typer.Exit(4)


def _read(files: list[Path]) -> list[Candidate]:
    """The files as candidates. Raises UserError with all files that cannot be read."""
    from rewardsearch.session.validating import read_reward

    candidates: list[Candidate] = []
    mistakes: list[str] = []
    for path in files:
        try:
            candidates.append(read_reward(path))
        except UserError as error:
            mistakes += error.mistakes
    if mistakes:
        raise UserError(*mistakes)
    return candidates


def _settings(task: str | None, config: str | None, overrides: list[str]) -> Config:
    from rewardsearch.config import load_config, parse_config
    from rewardsearch.run.revision import pinned

    if task is not None and config is not None:
        raise UserError("got --task and --config; a config names its task: give one of them")
    if config is not None:
        return pinned(load_config(config, overrides))
    named: dict[str, Any] = {"task": {"name": task}} if task is not None else {}
    return parse_config(named, "--set" if task is None else "--task, --set" if overrides else "--task", overrides)


def _warnings(found: Validation, config: str | None, overrides: list[str]) -> Iterator[str]:
    from rewardsearch.session.validating import SUBSTITUTE

    if found.hub_error:
        yield f"warning: validating on {SUBSTITUTE}: {found.hub_error}"
    if found.left_out:
        yield found.left_out
    if found.bank_missing:
        remedy = "; give --config CONFIG"
        if config is not None:
            remedy = "" if found.hub_error else f": `rewardsearch run {config}{same_options(None, overrides)}`"
        yield f"warning: the stages bank and novelty were not run: {found.bank_missing}{remedy}"


def _document(path: Path, verdict: Verdict) -> dict[str, Any]:
    fields = verdict.model_dump(mode="json", include={"accepted", "stage", "reason", "flags", "checks"})
    return {"file": str(path), "id": verdict.candidate, **fields}
