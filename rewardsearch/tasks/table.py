"""Rows of a user's table of resumes: which columns it needs, and what is missing in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rewardsearch.errors import UserError
from rewardsearch.tasks.sources import read_source, source_name
from rewardsearch.tasks.tables import Mistakes, cell_text

Part = Literal["data", "test_data"]
"""The key of the task's config that names the source."""

_SPLIT = {"data": "train", "test_data": "test"}
"""The split of a hub data set that a key stands for."""
_MISSING = ("", "n/a", "nan", "null")
_NO_TEXT = (*_MISSING, "na", "#n/a", "none", "<na>")
"""Values that mean that a resume, job, label, reason or person is missing. In other columns `None` and `NA` may be values: no
certificate, Namibia."""
_TEXTS = tuple(f"task.columns.{role}" for role in ("resume", "job", "label", "reason", "person"))


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
    table = read_source(f"task.{part}", source, _SPLIT[part], mistakes)
    for key, column in needed.items():
        table.check_column(column, name, key)
    texts = {needed[key] for key in _TEXTS if key in needed}
    entries = []
    for where, row in table.rows:
        cells = {}
        for column in needed.values():
            value, wrong = cell_text(row.get(column))
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
