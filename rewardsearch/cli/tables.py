"""Printing: lines and tables that fit the terminal, legends, and one JSON document when it is asked for.

Nothing is wider than the terminal, or than COLUMNS where that is set; where the output is no terminal and COLUMNS is not set,
than PIPED columns. Long lines are wrapped and indented. A table that is too wide leaves out its spare columns and names them,
wraps the text of its last column, and shortens names in the middle: nothing is cut without a mark.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassEstimate, ClassScores, RankedRow

PIPED = 100
"""The width of what is written to a file or a pipe."""
SHORT = 6
"""Digits of an id that tables show; commands take any unique beginning."""
PAPER_NOTE = (
    "paper protocol: ranked on the test split with one seed, so the best scores are inflated by having been picked"
)
F1_LEGEND = "2a / (1 + a) with a the accuracy, so that ranking by one is ranking by the other"
_LEAST_WIDTH = 20
_LEAST_NAME = 8
_GAP = "  "
_WORD = re.compile(r"\s*(?:\[[^\s,\]]+, [^\s\]]+\]\S*|\S+)")
"""A word with the space before it; an interval is one."""


def make_console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(stderr=stderr, highlight=False, width=None if known else PIPED)


def print_json(value: Any) -> None:
    """The value as one JSON document on standard output; numbers that JSON does not have become null."""
    sys.stdout.write(json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")


def print_lines(console: Console, *lines: str, hang: int | None = None) -> None:
    """Lines, wrapped to the console's width; nothing in them is markup. hang: how far what is wrapped is indented, two columns
    more than the line itself unless it is said."""
    for line in "\n".join(lines).split("\n") if lines else ():
        for part in wrapped(line, console.width, hang):
            print_whole(console, part)


def print_whole(console: Console, line: str, style: str = "") -> None:
    """A line as it is, however long: a path or a command that is to be copied."""
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=True)


def wrapped(line: str, width: int, hang: int | None = None) -> list[str]:
    """The line in parts of at most `width` columns of a terminal, broken between words where that can be."""
    from rich.cells import cell_len, chop_cells

    width = max(width, _LEAST_WIDTH)
    line = line.expandtabs(4)
    if cell_len(line) <= width:
        return [line]
    hang = len(line) - len(line.lstrip()) + 2 if hang is None else hang
    indent = " " * min(hang, width // 2)
    parts, current = [], ""
    for word in _WORD.findall(line):
        if cell_len(current + word) <= width:
            current += word
            continue
        if current.strip():
            parts.append(current)
            word = indent + word.lstrip()
        while cell_len(word) > width:
            first = chop_cells(word, width)[0]
            parts.append(first)
            word = indent + word[len(first) :]
        current = word
    return [*parts, current]


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns: what is left out of its middle is marked."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    tail = (width - 1) // 2
    ending = text[::-1]
    return f"{set_cell_size(text, width - 1 - tail)}…{set_cell_size(ending, tail)[::-1]}"


def print_table(
    console: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    spare: Sequence[str] = (),
    names: Sequence[str] = (),
    text: int | None = None,
    legend: Mapping[str, str] | None = None,
) -> None:
    """A table no wider than the console, whose columns are aligned right, but for those in `left`; then its legend.

    Where it is too wide, the columns in `spare` are left out, the first of them first, and named below. text: the last column
    holds text, which is wrapped; with less room left than this it stands below its row; where all of it is empty the column is
    left out. names: columns whose cells are shortened last of all. legend: what each column is, told of those that are shown.
    """
    from rich.cells import cell_len

    width = max(console.width, _LEAST_WIDTH)
    widths = [max(cell_len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
    last = len(headers) - 1
    natural = widths[last]
    shown = list(range(len(headers)))
    if text is not None:
        widths[last] = min(natural, text)
        if not any(row[last] for row in rows):
            shown.remove(last)
            text = None

    def excess() -> int:
        return sum(widths[i] + len(_GAP) for i in shown) - len(_GAP) - width

    left_out = []
    for name in spare:
        if excess() <= 0:
            break
        shown.remove(headers.index(name))
        left_out.append(name)
    below = text is not None and excess() > 0
    if below:
        shown.remove(last)
    elif text is not None:
        widths[last] = min(natural, widths[last] - excess())
    for i in (headers.index(name) for name in names):
        widths[i] -= max(0, min(excess(), widths[i] - _LEAST_NAME))
    for place, row in enumerate((headers, *rows)):
        cells = [[shortened(cell, widths[i])] if headers[i] in names else [cell] for i, cell in enumerate(row)]
        if text is not None and not below:
            cells[last] = wrapped(row[last], widths[last], hang=2)
        for number in range(max(len(cells[i]) for i in shown)):
            line = _GAP.join(
                _padded(cells[i][number] if number < len(cells[i]) else "", widths[i], headers[i] in left)
                for i in shown
            )
            for part in wrapped(line.rstrip(), width, hang=4):
                print_whole(console, part, "bold" if place == 0 else "")
        if below and place and row[last]:
            print_lines(console, f"    {headers[last]}: {row[last]}", hang=6)
    print_legend(
        console, {headers[i]: (legend or {}).get(headers[i], "") for i in (*shown, *([last] if below else []))}
    )
    if left_out:
        print_lines(
            console, f"not shown in {width} columns: {', '.join(left_out)}; a wider terminal and --json show them"
        )


def print_legend(console: Console, legend: Mapping[str, str]) -> None:
    """What each name means, a line each; nothing of names without a meaning."""
    told = {name: meaning for name, meaning in legend.items() if meaning}
    longest = max(map(len, told), default=0)
    print_lines(console, *(f"{name.ljust(longest)}  {meaning}" for name, meaning in told.items()), hang=longest + 2)


def _padded(cell: str, width: int, left: bool) -> str:
    from rich.cells import cell_len

    space = " " * (width - cell_len(cell))
    return cell + space if left else space + cell


def class_names(rows: Iterable[RankedRow]) -> tuple[str, ...] | None:
    """The classes of the task that the rows are of, the positive one first; None for a task without classes."""
    return next((tuple(row.classes.classes) for row in rows if row.classes), None)


def class_legend(classes: Sequence[str]) -> dict[str, str]:
    """What the scores of a task with classes are, by their columns."""
    both, positive = " and ".join(classes), classes[0]
    return {
        "macro F1": f"the mean of the F1 of {both}; an unparsed completion counts as the wrong class",
        "precision": f"share of those answered {positive} that are {positive}",
        "recall": f"share of {positive} that is answered so",
        "F1": f"of {positive}: 2PR / (P + R), P the precision and R the recall",
    }


def class_note(classes: Sequence[str]) -> str:
    return f"macro F1 is {class_legend(classes)['macro F1']}."


def classes_told(scores: ClassScores) -> dict[str, str]:
    """The scores of each class, by what they are."""
    told = {"macro F1": _estimated(scores.macro_f1)}
    for name, row in scores.classes.items():
        told[name] = f"precision {_estimated(row.precision)}, recall {_estimated(row.recall)}, F1 {_estimated(row.f1)}"
    return told


def _estimated(estimate: ClassEstimate) -> str:
    return f"{number(estimate.value)} {interval(estimate.ci)}"


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def interval(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"[{value[0]:.3f}, {value[1]:.3f}]"


def signed(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:+.{digits}f}"


def signed_interval(value: tuple[float, float] | None, digits: int = 3) -> str:
    return "-" if value is None else f"[{value[0]:+.{digits}f}, {value[1]:+.{digits}f}]"


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 5 s, 2 h 7 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def flags_text(flags: Sequence[str], shown: int = 3) -> str:
    """Flags of one kind together: `exploit:empty,tags,numbers,+5`."""
    kinds: dict[str, list[str]] = {}
    for flag in flags:
        kind, colon, name = flag.partition(":")
        kinds.setdefault(kind + colon, []).append(name)
    return ", ".join(
        kind + ",".join(names[:shown]) + (f",+{len(names) - shown}" if len(names) > shown else "")
        for kind, names in kinds.items()
    )


def short_id(id: str, name: str) -> str:
    """The beginning of a candidate's id; a dash for an arm that has no other name."""
    return "-" if id == name else id[:SHORT]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
