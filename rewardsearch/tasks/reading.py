"""Rows of anyone's table: a CSV or JSON Lines file by its suffix, or a data set of the hub by its id.

A row is named as a person counts it: of JSON Lines by its line; of a CSV as a spreadsheet numbers it, the header being row 1,
with its line beside it where records of several lines come before.
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
from rewardsearch.tasks.mistakes import Mistakes
from rewardsearch.tasks.sources import Raw, broken_letter, hub_rows, json_kind, json_lines, read_text

Part = Literal["data", "test_data"]
"""The key of the task's config that names the source."""

_SUFFIXES = {".csv": "CSV", ".tsv": "CSV", ".jsonl": "JSON Lines", ".json": "JSON Lines"}
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_SPLIT = {"data": "train", "test_data": "test"}
_MISSING = ("", "n/a", "nan", "null")
_NO_TEXT = (*_MISSING, "na", "#n/a", "none", "<na>")
"""What says that a resume, job, label, reason or person is missing. Elsewhere `None` and `NA` may be values: no certificate,
Namibia."""
_TEXTS = tuple(f"task.columns.{role}" for role in ("resume", "job", "label", "reason", "person"))
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
"""A first line that tells some spreadsheets the separator, and is no row."""


@dataclass(frozen=True)
class Entry:
    """One row: where it stands, and its cells by column, without outer white space. What says that it is missing is empty."""

    where: str
    cells: dict[str, str]


def read_entries(part: Part, source: str, needed: Mapping[str, str], meant: frozenset[str]) -> list[Entry]:
    """The rows of `source`, with the columns `needed` (key of the config -> column's name).

    A cell that is empty, or one of _MISSING (of the columns that _TEXTS name, _NO_TEXT) in any case, is missing, but for labels
    that are `meant` so (in lower case).
    Raises UserError with every mistake: no such file, neither UTF-8 nor UTF-16, not a table, a row that is broken, a column that
    is not there.
    """
    name = source_name(source)
    mistakes = Mistakes()
    raw = _raw(part, source, name, mistakes)
    for key, column in needed.items():
        if column not in raw.columns:
            close = difflib.get_close_matches(column, raw.columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else "name the one that holds it"
            has = ", ".join(raw.columns) or "none"
            raise UserError(f"{name}: no column {column!r}, which {key} names; it has: {has}; {hint}")
    texts = {needed[key] for key in _TEXTS if key in needed}
    entries = []
    for where, row in raw.rows:
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


def _raw(part: Part, source: str, name: str, mistakes: Mistakes) -> Raw:
    path = Path(source).expanduser()
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        if _HUB_ID.fullmatch(source) and not path.exists():
            remedy = f"give a CSV or JSON Lines file as task.{part}, or check the id and the connection"
            return hub_rows(source, _HUB_SPLIT[part], remedy)
        raise UserError(
            f"task.{part}: got {source}; give a file that ends in {', '.join(_SUFFIXES)}, or the id of a hub data set (org/name)"
        )
    if not path.is_file():
        raise UserError(
            f"task.{part}: no such file: {source}; give a CSV or JSON Lines file, or the id of a hub data set"
        )
    text = read_text(path, name)
    if not text.strip():
        raise UserError(f"{name} is empty; task.{part} needs a table with resumes, jobs and labels")
    return _csv(text, name, suffix, mistakes) if _SUFFIXES[suffix] == "CSV" else json_lines(text, name, mistakes)


def _csv(text: str, name: str, suffix: str, mistakes: Mistakes) -> Raw:
    first, _, rest = text.lstrip().partition("\n")
    told = _SEPARATOR.fullmatch(first)
    if told:
        text = rest
    # Spreadsheets write the separator of the country; a header is what shows it.
    separator = told[1] if told else "\t" if suffix == ".tsv" else max(",;\t", key=first.count)
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
    return Raw([column for column in columns if column], rows)


def _records(text: str, name: str, separator: str, mistakes: Mistakes) -> Iterator[tuple[str, list[str]]]:
    """The records that are not blank, with where they begin. A quote that is never closed ends them."""
    # A limit of the process, 128 KiB unless raised; a resume may be longer.
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
    """A cell as text, and what is wrong with it, if anything is. NaN and infinities are how programs write a missing number."""
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
