"""`rewardsearch validate`: the whole validation on hand-written rewards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rewardsearch.config import Config
    from rewardsearch.records import Candidate, Rollout, Verdict
    from rewardsearch.tasks import Task

OWN = "the package's own problems"
"""What GSM8K rewards are validated on where the hub does not give openai/gsm8k. No search is run on them."""


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Reward files.")],
    task: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The task: arithmetic, gsm8k or resume. [default: arithmetic]"),
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="A YAML config: its task, limits, base rewards and bank.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as task.train_file=train.jsonl. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Validate reward files as a search does.

    Ends with exit code 4 unless all are accepted. On the rollout bank and against each other with --config CONFIG alone, once a
    search has sampled that config's bank.
    """
    from rewardsearch.cli.tables import make_console, print_json, print_lines
    from rewardsearch.rewards.base import load_base_rewards
    from rewardsearch.tasks import load_task
    from rewardsearch.tasks.hub import HubError
    from rewardsearch.validation import validate as validate_candidates

    candidates = _read(files)
    settings = _settings(task, config, set_ or [])
    base = load_base_rewards(settings.train.base_rewards) if config is not None else ()
    rows, own = load_task(settings.task), False
    # Data that cannot be used end it here, before anything is said of the bank.
    try:
        _describe(rows, settings)
    except HubError as error:
        if settings.task.name != "gsm8k":
            raise
        rows, own = _own_problems(settings), True
        sys.stderr.write(f"warning: validating on {OWN}: {error}\n")
    bank = _bank(config, settings, set_ or [], own)
    verdicts = validate_candidates(candidates, rows, settings, bank=bank, base=base)
    if as_json:
        print_json([_document(path, verdict, own) for path, verdict in zip(files, verdicts, strict=True)])
    else:
        console = make_console()
        for path, verdict in zip(files, verdicts, strict=True):
            said = "accepted" if verdict.accepted else f"rejected ({verdict.stage}): {verdict.reason}"
            print_lines(console, f"{path}: {said}{f' (on {OWN})' if own else ''}")
            if verdict.flags:
                print_lines(console, f"  flags: {', '.join(verdict.flags)}")
            if verdict.on_bank:
                print_lines(console, f"  bank: {verdict.on_bank}")
            for flag, check in (("bank:collapse", "bank_collapse"), ("constant:probes", "constant_probes")):
                if verdict.accepted and check in verdict.checks:
                    print_lines(console, f"  {flag}: {verdict.checks[check]}")
    if not all(verdict.accepted for verdict in verdicts):
        raise typer.Exit(4)


def _read(files: list[Path]) -> list[Candidate]:
    from rewardsearch.errors import UserError
    from rewardsearch.records import Candidate
    from rewardsearch.rewards.identity import candidate_id

    candidates, mistakes = [], []
    for path in files:
        try:
            code = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            mistakes.append(f"cannot read {path}: {why}; name Python files with a function `reward`")
            continue
        candidates.append(Candidate(id=candidate_id(code), name=path.stem, code=code, operator="folder"))
    if mistakes:
        raise UserError(*mistakes)
    return candidates


def _settings(task: str | None, config: str | None, overrides: list[str]) -> Config:
    from rewardsearch.config import load_config, parse_config
    from rewardsearch.errors import UserError
    from rewardsearch.run.revision import pinned

    if task is not None and config is not None:
        raise UserError("got --task and --config; a config names its task: give one of them")
    if config is not None:
        return pinned(load_config(config, overrides))
    named: dict[str, Any] = {"task": {"name": task}} if task is not None else {}
    return parse_config(named, "--set" if task is None else "--task, --set" if overrides else "--task", overrides)


def _describe(rows: Task, settings: Config) -> None:
    """Says on standard error what is left out of the user's data. Raises UserError for data that cannot be used."""
    from rewardsearch.errors import UserError
    from rewardsearch.tasks.datasheet import describe_rows, too_few

    # The test split of a hub data set is of no use here.
    if not rows.rows("train"):
        raise UserError(too_few(rows, settings, "train", 1))
    if settings.task.data_files(test=True) and rows.source is not None and rows.source.left_out:
        sys.stderr.write(f"{describe_rows(rows, settings)[0]}\n")


def _own_problems(settings: Config) -> Task:
    """GSM8K on the package's own problems."""
    from rewardsearch.tasks import load_task
    from rewardsearch.tasks.solved import PROBLEMS

    files = {"train_file": str(PROBLEMS), "test_file": str(PROBLEMS)}
    return load_task(settings.task.model_copy(update=files))


def _bank(config: str | None, settings: Config, overrides: list[str], own: bool) -> tuple[Rollout, ...] | None:
    """The bank of the config, which a search has sampled; where there is none, standard error tells what that leaves out.
    own: its rows are not at hand."""
    from rewardsearch.cli.sft import same_options
    from rewardsearch.run.bank_files import bank_path, load_bank

    if config is not None and not settings.bank.enabled:
        return None
    bank = load_bank(bank_path(settings)) if config is not None and not own else None
    if bank is None:
        what = "warning: the stages bank and novelty were not run: "
        if config is None:
            sys.stderr.write(f"{what}they need a search's config; give --config CONFIG\n")
        elif own:
            sys.stderr.write(f"{what}they need the rows of the search\n")
        else:
            command = f"rewardsearch run {config}{same_options(None, overrides)}"
            sys.stderr.write(f"{what}no rollout bank in {bank_path(settings)}; `{command}` samples it\n")
    return bank


def _document(path: Path, verdict: Verdict, own: bool) -> dict[str, Any]:
    fields = verdict.model_dump(mode="json", include={"accepted", "stage", "reason", "flags", "checks"})
    if own:
        fields["checks"]["validated_on"] = OWN
    return {"file": str(path), "id": verdict.candidate, **fields}
