"""`rewardsearch score`: a reward, sandboxed, on rows of a file."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rewardsearch.config import Config
    from rewardsearch.records import Batch

BATCH = 256
"""Rows of one call, so that a long file does not meet the deadline of a call."""
_FIXED = ("prompt", "completion", "answer")


def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A reward file.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="JSON Lines with prompt, completion, answer and further columns.")
    ],
    config: Annotated[str | None, typer.Option(metavar="CONFIG", help="A YAML config: its sandbox and bound.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as sandbox.call_s=20. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Run a reward in the sandbox on the rows of a file. Ends with exit code 4 when the reward fails."""
    from rewardsearch.cli.tables import make_console, print_json, print_lines, print_table
    from rewardsearch.config import load_config, parse_config

    code = _code_of(file)
    batches = _batches(data, code)
    overrides = set_ or []
    settings = parse_config({}, "--set", overrides) if config is None else load_config(config, overrides)
    rows, printed, error = _call(code, batches, settings)
    summary = _summary(rows)
    if printed:
        sys.stderr.write(f"the reward printed:\n{printed}\n")
    if as_json:
        print_json({"rows": rows, "summary": summary, "error": error})
    elif error is not None:
        print_lines(make_console(), f"{file}: {error}")
    else:
        console = make_console()
        names = list(summary["components"])
        cells = [
            [str(i), f"{row['reward']:.4g}", *(_cell(row["components"].get(name)) for name in names)]
            for i, row in enumerate(rows, start=1)
        ]
        print_table(console, ("row", "reward", *names), cells)
        told = ", ".join(f"{key} {summary[key]:.4g}" for key in ("mean", "min", "max"))
        print_lines(console, f"{summary['n']} rows: {told}")
    if error is not None:
        raise typer.Exit(4)


def _call(code: str, batches: list[Batch], config: Config) -> tuple[list[dict[str, Any]], str, str | None]:
    """The reward and components of each row, and the start of what was printed; no rows and the fault's reason when a
    call fails."""
    from rewardsearch.rewards.sandbox import RewardFault, Sandbox

    rows: list[dict[str, Any]] = []
    printed = ""
    with Sandbox(config.sandbox, config.validation.bound) as sandbox:
        for batch in batches:
            try:
                output = sandbox.call(code, batch)
            except RewardFault as fault:
                return [], printed or fault.printed, fault.reason
            printed = printed or output.printed
            rows.extend(
                {"reward": reward, "components": {name: values[i] for name, values in output.components.items()}}
                for i, reward in enumerate(output.rewards)
            )
    return rows, printed, None


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        return {}
    rewards = [row["reward"] for row in rows]
    totals: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row["components"].items():
            totals.setdefault(name, []).append(value)
    return {
        "n": len(rows),
        "mean": sum(rewards) / len(rewards),
        "min": min(rewards),
        "max": max(rewards),
        "components": {name: sum(values) / len(values) for name, values in totals.items()},
    }


def _batches(data: Path, code: str) -> list[Batch]:
    """The rows as calls: all in one for a reward that says that it depends on its batch."""
    from rewardsearch.records import Batch
    from rewardsearch.rewards.sandbox import batch_dependent, check_static

    rows = _rows(data)
    size = len(rows) if check_static(code) is None and batch_dependent(code) else BATCH
    columns = [name for name in rows[0] if name not in _FIXED]
    return [
        Batch(
            prompts=tuple(row["prompt"] for row in part),
            completions=tuple(row["completion"] for row in part),
            answer=tuple(row["answer"] for row in part),
            columns={name: tuple(row[name] for row in part) for name in columns},
        )
        for part in (rows[start : start + size] for start in range(0, len(rows), size))
    ]


def _rows(data: Path) -> list[dict[str, str]]:
    """The file's rows as texts. Raises UserError with the lines that are not such rows."""
    from rewardsearch.errors import UserError
    from rewardsearch.tasks.mistakes import Mistakes
    from rewardsearch.tasks.sources import json_lines, read_text

    name, mistakes = data.name, Mistakes()
    raw = json_lines(read_text(data, name), name, mistakes)
    if taken := [column for column in ("prompts", "completions") if column in raw.columns]:
        raise UserError(f"{name}: a column {taken[0]}, which is an argument of its own; call it {taken[0][:-1]}")
    raw.need(_FIXED, name, mistakes)
    rows: list[dict[str, str]] = []
    for where, row in raw.rows:
        missing = [
            column for column in raw.columns if column not in row or (column in _FIXED and _is_missing(row[column]))
        ]
        if missing:
            mistakes.add("a missing value", f"{where}: no {' and no '.join(missing)}; every row has the same columns")
            continue
        try:
            rows.append({column: _text(column, row[column]) for column in raw.columns})
        except ValueError as error:
            mistakes.add("a value that is not allowed", f"{where}: {error}")
    mistakes.end(name)
    if not rows:
        raise UserError(f"no rows in {name}; write JSON Lines with {', '.join(_FIXED)}")
    return rows


def _is_missing(value: Any) -> bool:
    """Null, or a number that is none: NaN is how pandas writes a missing value."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _text(name: str, value: Any) -> str:
    """What a reward sees of a field, as in training. Raises ValueError for what could not be meant."""
    from rewardsearch.records import message_text
    from rewardsearch.tasks.numbers import gold_text

    try:
        if name in ("prompt", "completion"):
            return message_text(value)
        if name == "answer":
            return gold_text(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return "" if _is_missing(value) else str(value)


def _code_of(path: Path) -> str:
    from rewardsearch.errors import UserError

    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UserError(f"cannot read {path}: {why}; name a reward file") from None


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
