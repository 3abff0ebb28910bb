"""Rows of a CSV text, with whatever separator its header shows.

A row is named by its number in a spreadsheet, where the header is row 1, and by its line where records of several lines come
before it. Python's csv reads the records: pandas fills short rows with missing values, gives no line numbers, and stops at the
first broken row.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from typing import Any

from rewardsearch.errors import UserError
from rewardsearch.tasks.tables import Mistakes, Table

_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
"""A first line that names the separator for some spreadsheets, and is no row."""


def csv_rows(text: str, name: str, tabs: bool, mistakes: Mistakes) -> Table:
    """The rows of a CSV. tabs: its separator is the tab, whatever the header shows. Raises UserError for a repeated column."""
    first, _, rest = text.lstrip().partition("\n")
    named = _SEPARATOR.fullmatch(first)
    if named:
        text = rest
    # Spreadsheets write the separator of the country; the header shows it.
    separator = named[1] if named else "\t" if tabs else max(",;\t|", key=first.count)
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
