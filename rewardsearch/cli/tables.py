"""Printing: lines, tables with a legend, and one JSON document.

Nothing is wider than the terminal, or than COLUMNS where it is set. Output to a file or a pipe without COLUMNS has PIPED
columns. Long lines and long cells are wrapped. A table that is still too wide leaves out its spare columns and names them.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewardsearch.files.numbers import interval, number, signed, signed_interval

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import ClassScores, FinalRow, RankedRow, ScoreEstimate

PIPED = 100
"""Columns of what is written to a file or a pipe."""
SHORT = 6
"""Characters of an id that tables show. Commands take any unique beginning of an id."""
_TEXT = 16
"""The narrowest that a column of texts is wrapped to."""
PAPER_NOTE = "paper protocol: ranked on the test split with one seed, so the best scores are inflated by selection"
F1_LEGEND = "2a / (1 + a) with a the accuracy, so F1 and accuracy give the same ranks"
FLAGS_WRAP = {"flags": 18}
SHORT_FLAGS_WRAP = {"flags": 14}
FLAGS_LEGEND = "warnings of validation and training; docs/validation.md explains them"
MANY_CLASSES = 6
"""Of more classes than these, a legend has the number alone, and no confusion matrix is shown in full."""
_GAP = 2
_LEAST_WIDTH = 20
_ROOM = 100
"""Columns from which tables show intervals beside their scores."""
_NUMERIC = re.compile(r"[-+<.,:%$\[\]\d\s]*")
_INTERVAL = re.compile(r"(\[[^\s,\]]+,) ([^\s\]]+\])")


def make_console(stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(stderr=stderr, highlight=False, width=None if known else PIPED)


def print_json(value: Any) -> None:
    """The value as one JSON document on standard output. NaN and infinity become null."""
    sys.stdout.write(json.dumps(_finite(value), indent=1, allow_nan=False) + "\n")


def print_lines(console: Console, *lines: str, hang: int | None = None) -> None:
    """Lines of plain text, wrapped to the console's width.

    hang: the indent of the wrapped parts; by default two columns more than the line itself.
    """
    from rich.cells import cell_len

    for line in "\n".join(lines).split("\n") if lines else ():
        # A wide character takes two columns of a terminal. An interval is not broken.
        width = max(console.width if cell_len(line) == len(line) else console.width // 2, _LEAST_WIDTH // 2)
        indent = len(line) - len(line.lstrip()) + 2 if hang is None else hang
        parts = textwrap.wrap(
            _INTERVAL.sub("\\1\0\\2", line),
            width,
            tabsize=4,
            subsequent_indent=" " * min(indent, width // 2),
            break_on_hyphens=False,
        )
        for part in parts or [""]:
            print_whole(console, part.replace("\0", " "))


def write_messages(*lines: str) -> None:
    """Lines for a person on standard error: wrapped in a terminal, each whole in a file or a pipe."""
    if sys.stderr.isatty():
        print_lines(make_console(stderr=True), *lines)
    else:
        sys.stderr.writelines(f"{line}\n" for line in lines)


def print_whole(console: Console, line: str) -> None:
    """A line as it is, however long, such as a path or a command to copy."""
    from rich.text import Text

    console.print(Text(line), soft_wrap=True)


def print_table(
    console: Console,
    headers: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    wrap: Mapping[str, int] | None = None,
    spare: Sequence[str] = (),
    legend: Mapping[str, str] | None = None,
) -> None:
    """A table no wider than the console, then the meaning of each column that is shown.

    Columns of numbers are aligned right, columns of texts left. Texts and long headers may be wrapped. wrap: columns that may be
    wrapped to another width than _TEXT. spare: columns that are left out, the first one first, while the table is too wide.
    Columns with empty cells alone are left out.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    headers, legend = list(headers), legend or {}
    cells = [list(column) for column in zip(*rows, strict=True)]
    widths = [
        max(map(cell_len, "\n".join((header, *column)).split("\n")))
        for header, column in zip(headers, cells, strict=True)
    ]
    texts = {header for header, column in zip(headers, cells, strict=True) if not all(map(_NUMERIC.fullmatch, column))}
    long = [header for header, width in zip(headers, widths, strict=True) if width > _TEXT]
    wrap = {header: _TEXT for header in long if header in texts or len(header) > _TEXT} | dict(wrap or {})
    needed = [min(width, wrap.get(header, width)) + _GAP for header, width in zip(headers, widths, strict=True)]
    shown = [i for i in range(len(headers)) if any(cells[i])]
    left_out = []
    for name in spare:
        if sum(needed[i] for i in shown) - _GAP <= console.width:
            break
        if name in headers and headers.index(name) in shown:
            shown.remove(headers.index(name))
            left_out.append(name)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP // 2))
    for i in shown:
        table.add_column(
            Text(headers[i]),
            justify="left" if headers[i] in texts else "right",
            no_wrap=headers[i] not in wrap,
            overflow="fold" if headers[i] in wrap else "ellipsis",
        )
    for row in zip(*(cells[i] for i in shown), strict=True):
        table.add_row(*map(Text, row))
    _print_trimmed(console, table)
    print_facts(console, [(headers[i], legend.get(headers[i], "")) for i in shown])
    if left_out:
        print_lines(
            console, f"not shown in {console.width} columns: {', '.join(left_out)}; use a wider terminal or --json"
        )


def print_facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    """Names with their meaning or value, one line each; nothing for an empty value."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value:
            grid.add_row(Text(name), Text(value))
    _print_trimmed(console, grid)


def _print_trimmed(console: Console, table: Any) -> None:
    """A rich table without spaces at the ends of its lines."""
    from rich.text import Text

    for line in console.render_lines(table, pad=False) if table.row_count else ():
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        console.print(text, soft_wrap=True)


def scores_of_classes(rows: Iterable[RankedRow | FinalRow]) -> ClassScores | None:
    """The scores of the first row with classes, which names the classes of the task; None for a task without classes."""
    return next((row.classes for row in rows if row.classes), None)


def class_legend(scores: ClassScores) -> dict[str, str]:
    """The meaning of the scores of a task with classes. Without a positive class F1 is macro F1, and nothing else has a row."""
    names, positive = list(scores.classes), scores.positive
    of = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= MANY_CLASSES else f"the {len(names)} classes"
    macro = (
        f"the mean of the F1 of {of}; an unparsed completion counts as {'the' if len(names) == 2 else 'a'} wrong "
        f"{'class' if len(names) == 2 else 'answer'}"
    )
    if positive is None:
        return {"macro F1": macro, "F1": f"macro F1, {macro}"}
    return {
        "macro F1": macro,
        "precision": f"share of the answers {positive} whose gold label is {positive}",
        "recall": f"share of the gold labels {positive} that are answered {positive}",
        "F1": f"of {positive}: 2PR / (P + R), P the precision and R the recall",
    }


RETRIEVAL_LEGEND = {
    "MRR": "the mean of 1 / place of the right text among those ranked; an unparsed completion counts 0",
    "nDCG@10": "the mean of 1 / log2(1 + place), 0 beyond the tenth place",
}


def retrieval_cells(row: RankedRow | FinalRow) -> dict[str, str]:
    """The further scores of a task that ranks texts; empty for other tasks."""
    found = row.retrieval
    return {} if found is None else {"MRR": number(found.mrr.value), "nDCG@10": number(found.ndcg.value)}


def class_facts(scores: ClassScores) -> dict[str, str]:
    """The scores of each class, with their intervals."""
    facts = {"macro F1": estimate(scores.macro_f1)}
    for name, row in scores.classes.items():
        facts[name] = f"precision {estimate(row.precision)}, recall {estimate(row.recall)}, F1 {estimate(row.f1)}"
    return facts


def estimate(value: ScoreEstimate) -> str:
    return score(value.value, value.ci)


def score(value: float | None, ci: tuple[float, float] | None) -> str:
    """A score with its interval."""
    return f"{number(value)} {interval(ci)}"


def gain(value: float | None, ci: tuple[float, float] | None, digits: int = 3) -> str:
    """A difference with its interval, where that is known."""
    return f"{signed(value)} {signed_interval(ci, digits)}" if ci else signed(value)


def stacked(text: str, width: int) -> str:
    """A score, with its interval below it where a table of `width` columns has no room beside it."""
    return text if width >= _ROOM else text.replace(" [", "\n[")


def flags_text(flags: Sequence[str], shown: int = 3) -> str:
    """Flags, those of one kind together: `exploit:empty,tags,numbers,+5`."""
    kinds: dict[str, list[str]] = {}
    for flag in flags:
        kind, colon, name = flag.partition(":")
        kinds.setdefault(kind + colon, []).append(name)
    return ", ".join(
        kind + ",".join(names[:shown]) + (f",+{len(names) - shown}" if len(names) > shown else "")
        for kind, names in kinds.items()
    )


def short_id(id: str, name: str) -> str:
    """The beginning of a candidate's id; a dash for an arm without another name."""
    return "-" if id == name else id[:SHORT]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
