"""A table as it was read, its cells, and its mistakes."""

from __future__ import annotations

import datetime
import decimal
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardsearch.errors import UserError

MAX_SHOWN = 5


class Mistakes:
    """The mistakes of a data file by kind, in the order in which they were found, so that all are reported at once."""

    def __init__(self) -> None:
        self._kinds: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def add(self, kind: str, message: str) -> None:
        self._kinds.setdefault(kind, []).append(message)

    def update(self, other: Mistakes) -> None:
        """Adds the mistakes of `other`."""
        for kind, messages in other._kinds.items():
            self._kinds.setdefault(kind, []).extend(messages)

    def end(self, source: str) -> None:
        """Raises UserError if there are mistakes: the first MAX_SHOWN of each kind, then the number of the others."""
        lines: list[str] = []
        for kind, messages in self._kinds.items():
            lines += messages[:MAX_SHOWN]
            if len(messages) > MAX_SHOWN:
                lines.append(f"{source}: and {len(messages) - MAX_SHOWN:,} more rows with {kind}")
        if lines:
            raise UserError(*lines)


@dataclass
class Table:
    """A table as it was read: its columns, and for each row its place in the source and its cells."""

    columns: list[str]
    rows: Sequence[tuple[str, Mapping[str, Any]]]

    def check_column(self, column: str, name: str, key: str) -> None:
        """Raises UserError where the table, called `name`, has no such column, which the key of the config `key` names."""
        if column not in self.columns:
            close = difflib.get_close_matches(column, self.columns, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else "name the one that holds it"
            has = ", ".join(self.columns) or "none"
            raise UserError(f"{name}: no column {column!r}, which {key} names; it has: {has}; {hint}")

    def need(self, columns: Sequence[str], name: str, mistakes: Mistakes) -> None:
        """Raises UserError for one of `columns` that no row has; the mistakes so far come first. name: of the source."""
        missing = [column for column in columns if column not in self.columns]
        if self.rows and missing:
            mistakes.end(name)
            raise UserError(
                f"{name}: no {' and no '.join(missing)} in any row; it has: {', '.join(self.columns) or 'nothing'}; "
                "rename the keys that hold them"
            )


def table_of(rows: Sequence[Mapping[str, Any]], name: str) -> Table:
    """The table of rows in memory, which `name` stands for in messages."""
    columns = dict.fromkeys(column for row in rows for column in row)
    return Table(list(columns), [(f"{name} row {place}", row) for place, row in enumerate(rows, start=1)])


def json_kind(value: object) -> str:
    """What a message calls a JSON value that has the wrong type, such as `a number`."""
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (str, "a text"),
        (int, "a number"),
        (float, "a number"),
    )
    kinds += ((list, "a list"), (dict, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def broken_letter(text: str) -> str:
    """What is wrong with a text that cannot be written to a file, half of a surrogate pair; empty for other texts."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "got half of a surrogate pair, which is no letter; mend the escape \\ud800 to \\udfff in it"
    return ""


def cell_text(value: Any) -> tuple[str, str]:
    """A cell as text, and its mistake or "". Programs write a missing number as NaN or infinity."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "", ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int | float | decimal.Decimal | datetime.date | datetime.time):
        return str(value), ""
    if not isinstance(value, str):
        return "", f"got {json_kind(value)}; a text, a number, true, false or null is allowed"
    wrong = broken_letter(value)
    return "" if wrong else value.strip(), wrong
