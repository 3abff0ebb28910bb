"""Rows of a user's table: a CSV or JSON Lines file, by its suffix, or a data set of the hub, by its id.

A row of a JSON Lines file is named by its line. A row of a CSV is named by its number in a spreadsheet, where the header is row
1, and by its line where records of several lines come before it. Python's csv reads the records: pandas fills short rows with
missing values, gives no line numbers, and stops at the first broken row.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rewardsearch.errors import UserError
from rewardsearch.tasks.sources import Mistakes, Table, broken_letter, hub_rows, json_kind, json_lines, read_text

Part = Literal["data", "test_data"]
"""The key of the task's config that names the source."""

_SUFFIXES = {".csv": "CSV", ".tsv": "CSV", ".jsonl": "JSON Lines", ".json": "JSON Lines"}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_SPLIT = {"data": "train", "test_data": "test"}
_MISSING = ("", "n/a", "nan", "null")
_NO_TEXT = (*_MISSING, "na", "#n/a", "none", "<na>")
"""Values that mean that a resume, job, label, reason or person is missing. In other columns `None` and `NA` may be values: no
certificate, Namibia."""
_TEXTS = tuple(f"task.columns.{role}" for role in ("resume", "job", "label", "reason", "person"))
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
"""A first line that names the separator for some spreadsheets, and is no row."""


@dataclass(frozen=True)
class Entry:
    """One row: its place in the source, and its cells by column, without outer white space. A missing value is empty."""

    where: str
    cells: dict[str, str]


def read_entries(part: Part, source: str, needed: Mapping[str, str], meant: frozenset[str]) -> list[Entry]:
    """The rows of `source`, with the columns `needed` (key of the config -> name of the column).

    A cell is missing if it is empty or one of _MISSING, in any case; in the columns of _TEXTS, if it is one of _NO_TEXT. A
    label in `meant` (in lower case) is never missing. Raises UserError with every mistake: no such file, neither UTF-8 nor
    UTF-16, not a table, a broken row, a missing column.
    """
    name = source_name(source)
    mistakes = Mistakes()
    table = _table(part, source, name, mistakes)
    for key, column in needed.items():
        if column not in table.columns:
            close = difflib.get_close_matches(column, table.columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else "name the one that holds it"
            has = ", ".join(table.columns) or "none"
            raise UserError(f"{name}: no column {column!r}, which {key} names; it has: {has}; {hint}")
    texts = {needed[key] for key in _TEXTS if key in needed}
    entries = []
    for where, row in table.rows:
        cells = {}
        for column in needed.values():
            value, wrong = _text(row.get(column))
            if wrong:
                mistakes.add("what is no text", f"{where}, column {column}: {wrong}")
            means = column == needed["task.columns.label"] and value.lower() in meant
            missing = _NO_TEXT if column in texts else _MISSING
            cells[column] = "" if value.lower() in missing and not means else value
        entries.append(Entry(where, cells))
    mistakes.end(name)
    if not entries:
        raise UserError(f"{name} has no rows; task.{part} needs a table with resumes, jobs and labels")
    return entries


def source_name(source: str) -> str:
    """What messages call a source: a file by its name, a hub data set by its id."""
    path = Path(source)
    return path.name if path.suffix.lower() in _SUFFIXES else source


def _table(part: Part, source: str, name: str, mistakes: Mistakes) -> Table:
    path = Path(source).expanduser()
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        if _HUB_ID.fullmatch(source) and not path.exists():
            remedy = f"give a CSV or JSON Lines file as task.{part}, or check the id and the connection"
            return hub_rows(source, _HUB_SPLIT[part], remedy)
        raise UserError(
            f"task.{part}: got {source}; give a file that ends in {', '.join(_SUFFIXES)}, or the id of a hub data "
            "set (org/name)"
        )
    if not path.is_file():
        raise UserError(
            f"task.{part}: no such file: {source}; give a CSV or JSON Lines file, or the id of a hub data set"
        )
    text = read_text(path, name, f"task.{part} needs a table with resumes, jobs and labels")
    return _csv(text, name, suffix, mistakes) if _SUFFIXES[suffix] == "CSV" else json_lines(text, name, mistakes)


def _csv(text: str, name: str, suffix: str, mistakes: Mistakes) -> Table:
    first, _, rest = text.lstrip().partition("\n")
    named = _SEPARATOR.fullmatch(first)
    if named:
        text = rest
    # Spreadsheets write the separator of the country; the header shows it.
    separator = named[1] if named else "\t" if suffix == ".tsv" else max(",;\t", key=first.count)
    records = _records(text, name, separator, mistakes)
    where, header = next(records, ("", []))
    columns = [cell.strip() for cell in header]
    if twice := sorted({column for column in columns if column and columns.count(column) > 1}):
        raise UserError(
            f"{where}: the header has {', '.join(twice)} more than once; give every column a name of its own"
        )
    rows: list[tuple[str, dict[str, Any]]] = []
    for where, record in records:
        if len(record) == len(columns):
            rows.append((where, dict(zip(columns, record, strict=True))))
        else:
            mistakes.add(
                "another number of fields",
                f"{where}: got {len(record)} fields, the header has {len(columns)}; "
                'put a text that holds the separator or a line break in "..."',
            )
    return Table([column for column in columns if column], rows)


def _records(text: str, name: str, separator: str, mistakes: Mistakes) -> Iterator[tuple[str, list[str]]]:
    """The records that are not blank, each with the place where it begins. A quote that is never closed ends them."""
    # The limit of the process is 128 KiB; a resume may be longer.
    csv.field_size_limit(sys.maxsize)
    # A StringIO would take four bytes a character.
    lines = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    number = 0
    while True:
        number, line = number + 1, reader.line_num + 1
        where = f"{name} row {number}" + (f" (line {line})" if line != number else "")
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            mistakes.add(
                "broken quotes",
                f'{where}: {error}; a text in "..." ends with its closing quote, and a quote inside of it is written ""',
            )
            return
        if any(cell.strip() for cell in record) or len(record) > 1:
            yield where, record


def _text(value: Any) -> tuple[str, str]:
    """A cell as text, and its mistake or "". Programs write a missing number as NaN or infinity."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float):
        return str(value), ""
    if not isinstance(value, str):
        return "", f"got {json_kind(value)}; a text, a number, true, false or null is allowed"
    wrong = broken_letter(value)
    return "" if wrong else value.strip(), wrong
