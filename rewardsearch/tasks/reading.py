"""Rows of anyone's table: a CSV or JSON Lines file by its suffix, or a data set of the hub by its id.

A row is named as a person counts it: of JSON Lines by its line; of a CSV as a spreadsheet numbers it, the header being row 1,
with its line beside it where records of several lines come before.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rewardsearch.errors import UserError
from rewardsearch.tasks.hub import quiet_hub
from rewardsearch.tasks.mistakes import Mistakes

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
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Entry:
    """One row: where it stands, and its cells by column, without outer white space. What says that it is missing is empty."""

    where: str
    cells: dict[str, str]


@dataclass
class Raw:
    """A table as it was read: the columns that it has, and where each row stands with its cells."""

    columns: list[str]
    rows: Sequence[tuple[str, Mapping[str, Any]]]


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
            return _hub(part, source)
        raise UserError(
            f"task.{part}: got {source}; give a file that ends in {', '.join(_SUFFIXES)}, or the id of a hub data set (org/name)"
        )
    if not path.is_file():
        raise UserError(
            f"task.{part}: no such file: {source}; give a CSV or JSON Lines file, or the id of a hub data set"
        )
    text = _decoded(path, name)
    if not text.strip():
        raise UserError(f"{name} is empty; task.{part} needs a table with resumes, jobs and labels")
    return _csv(text, name, suffix, mistakes) if _SUFFIXES[suffix] == "CSV" else _json_lines(text, name, mistakes)


def _decoded(path: Path, name: str) -> str:
    blob = path.read_bytes()
    try:
        return blob.decode("utf-16" if blob.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = blob[: error.start].count(b"\n") + 1
        raise UserError(
            f"{name} line {line}: not {error.encoding.upper()} (byte 0x{blob[error.start]:02x}); save it as UTF-8 "
            "(in a spreadsheet: CSV UTF-8; elsewhere: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from None


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


def _json_lines(text: str, name: str, mistakes: Mistakes) -> Raw:
    if text.lstrip().startswith("["):
        raise UserError(f"{name} is one JSON array; write one object a line (jq -c '.[]' {name} > rows.jsonl)")
    columns: dict[str, None] = {}
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            value = json.loads(line, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            told = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            mistakes.add("what is not JSON", f"{where}: not JSON ({told}); each line is one object")
            continue
        if isinstance(value, dict):
            columns.update(dict.fromkeys(value))
            rows.append((where, value))
        else:
            got = "null" if value is None else f"a {type(value).__name__}"
            mistakes.add("no object", f"{where}: got {got}; each line is one object of columns and values")
    if not rows:
        mistakes.end(name)
    return Raw(list(columns), rows)


def _hub(part: Part, source: str) -> Raw:
    """The split `train` of a hub data set for task.data, `test` for task.test_data; numbers of classes become their names."""
    from datasets import load_dataset

    split = _HUB_SPLIT[part]
    try:
        with quiet_hub():
            found = load_dataset(source, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"task.{part}: {source} is no file here, and its split {split} could not be loaded from the hub "
            f"({type(error).__name__}); give a CSV or JSON Lines file, or check the id and the connection"
        ) from None
    names = {column: getattr(feature, "names", None) for column, feature in found.features.items()}
    rows = []
    for number, row in enumerate(found, start=1):
        told = {column: _class_name(value, names.get(column)) for column, value in row.items()}
        rows.append((f"{source} {split} row {number}", told))
    return Raw(list(found.column_names), rows)


def _class_name(value: Any, names: list[str] | None) -> Any:
    if names is None or not isinstance(value, int):
        return value
    # The hub writes -1 for a row without a label.
    return names[value] if value >= 0 else None


def _text(value: Any) -> tuple[str, str]:
    """A cell as text, and what is wrong with it, if anything is."""
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float):
        return str(value), ""
    if not isinstance(value, str):
        return "", f"got a {type(value).__name__}; a text, a number, true, false or null is allowed"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "", "got half of a surrogate pair, which is no letter; mend the escape \\ud800 to \\udfff in it"
    return value.strip(), ""
