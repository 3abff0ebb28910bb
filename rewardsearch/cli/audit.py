"""`rewardsearch audit`: the rules of the watch on the log of a training that another program ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardsearch.cli.options import JsonOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_json, print_lines
from rewardsearch.files.numbers import percent

if TYPE_CHECKING:
    from rewardsearch.config import WatchConfig
    from rewardsearch.monitor.curve import Curve


def audit(
    log: Annotated[
        Path,
        typer.Argument(
            metavar="LOG", help="trainer_state.json, TensorBoard files, JSON Lines, or a folder of a trainer."
        ),
    ],
    correct: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The logged reward function that is 1 for right completions and 0 for others."
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="A YAML config: the settings of its section watch.")
    ] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for reward hacking and wasted training in a log.

    The rules are those of a search's watch (section watch of a config). Ends with exit code 0 when the log could be read.
    """
    from rewardsearch.errors import UserError
    from rewardsearch.monitor.curve import curve_of
    from rewardsearch.monitor.logs import read_log

    rules = settings_of(config, set_).watch
    file, entries = read_log(log)
    curve = curve_of(entries, correct)
    if not curve.points:
        raise UserError(
            f"{file}: no entry with a step and a reward; allowed: the log of a GRPO training (TRL's `reward`)"
        )
    document = _document(file, curve, rules)
    if as_json:
        print_json(document)
    else:
        print_lines(make_console(), "\n".join(_lines(document)))


def _document(file: Path, curve: Curve, config: WatchConfig) -> dict[str, Any]:
    from rewardsearch.monitor.findings import dead_groups, findings, unchecked

    groups = dead_groups(curve, config)
    return {
        "log": str(file),
        "entries": len(curve.points),
        "entries_needed": 2 * config.window,
        "steps": [curve.points[0].step, curve.points[-1].step],
        "findings": [{**each.alarm.model_dump(), "remedy": each.remedy} for each in findings(curve, config)],
        "dead_groups": None if groups is None else {**groups.model_dump(), "mostly": groups.mostly},
        "unchecked": unchecked(curve),
    }


def _lines(document: dict[str, Any]) -> Iterator[str]:
    first, last = document["steps"]
    yield f"{document['log']}: {document['entries']:,} entries, steps {first:,} to {last:,}"
    for each in document["findings"]:
        yield f"{each['kind']}{' (hopeless)' * each['hopeless']}: {each['message']}"
        yield f"  what to do: {each['remedy']}"
    if document["entries"] < document["entries_needed"]:
        yield f"too few entries for most rules: they compare two windows, {document['entries_needed']} entries (watch.window)"
    elif not document["findings"]:
        yield "no findings"
    if groups := document["dead_groups"]:
        yield f"groups without spread in reward, last window: {percent(groups['share'])}{_split(groups)}"
    for kind, names in document["unchecked"].items():
        yield f"not checked: {kind} (the log lacks {', '.join(names)})"
    if any("exact_match" in names for names in document["unchecked"].values()):
        yield "name a reward function that is 1 for right completions with --correct NAME to have exact match"


def _split(groups: dict[str, Any]) -> str:
    if groups["all_right"] is None:
        return ""
    right, wrong = map(_range, (groups["all_right"], groups["all_wrong"]))
    return f"; of all groups {right} are all right and {wrong} all wrong"


def _range(bounds: tuple[float, float]) -> str:
    low, high = map(percent, bounds)
    return low if low == high else f"{low} to {high}"
