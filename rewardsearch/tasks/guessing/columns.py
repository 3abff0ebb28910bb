"""What is in the columns of a user's table, for guessing a config from it."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any, Literal

from rewardsearch.config import label_key
from rewardsearch.tasks.equal import Number
from rewardsearch.tasks.examples import chat_messages, is_missing
from rewardsearch.tasks.tables import Table, cell_text

Kind = Literal["text", "number", "bool", "list", "object", "messages", "mixed", "empty"]
_LOOKED_AT = 2000
"""Cells that are looked at closely, spread over the whole column."""
_NEARLY_ALL = 0.9
_TAKEN = frozenset(
    ("row", "form", "loop", "true", "false", "none", "range", "dict", "lipsum", "cycler", "joiner", "namespace")
)
"""Names that mean something else in a template."""


@dataclass(frozen=True)
class Column:
    """A column of a table. values: its cells that hold something, in order."""

    name: str
    values: Sequence[Any]

    @property
    def plain_name(self) -> str:
        """The name in small letters, its words joined by `_`."""
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name.strip())
        return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")

    @property
    def reference(self) -> str:
        """The column's value in a template, such as `question` or `row["Question text"]`."""
        simple = self.name.isidentifier() and not keyword.iskeyword(self.name) and self.name.lower() not in _TAKEN
        if simple:
            return self.name
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'row["{quoted}"]'

    @cached_property
    def sample(self) -> Sequence[Any]:
        return self.values[:: max(1, len(self.values) // _LOOKED_AT)]

    @cached_property
    def texts(self) -> list[str]:
        """The sample as texts."""
        return [cell_text(value)[0] if not isinstance(value, list | dict) else str(value) for value in self.sample]

    @cached_property
    def kind(self) -> Kind:
        kinds = {_kind_of(value) for value in self.sample}
        if kinds == {"messages", "list"}:  # Some are broken, which the rows are then refused for.
            return "messages"
        return "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"

    @cached_property
    def counts(self) -> Counter[str]:
        """How often the column has each value, compared as labels are."""
        return Counter(label_key(cell_text(value)[0]) for value in self.values if not isinstance(value, list | dict))

    @cached_property
    def spellings(self) -> list[str]:
        """The different values in their first spelling, in order of their text."""
        found: dict[str, str] = {}
        for value in self.values:
            if not isinstance(value, list | dict):
                text = cell_text(value)[0]
                found.setdefault(label_key(text), text)
        return sorted(found.values())

    @property
    def repeated(self) -> bool:
        """Whether a value stands for three rows or more, on average."""
        return 3 * len(self.counts) <= len(self.values)

    @cached_property
    def words(self) -> float:
        """Median number of words."""
        return median(len(text.split()) for text in self.texts) if self.texts else 0

    @cached_property
    def numbers(self) -> float:
        """The share of the cells that numeric tasks read as a gold answer."""
        return sum(map(_is_number, self.sample)) / len(self.sample) if self.sample else 0.0

    def without_number(self) -> list[str]:
        """The first few cells that are no numbers, as texts."""
        return [str(cell)[:40] for cell in self.sample if not _is_number(cell)][:3]

    def share(self, pattern: str) -> float:
        """The share of the cells with a match."""
        return sum(bool(re.search(pattern, text)) for text in self.texts) / len(self.texts) if self.texts else 0.0

    def holds(self, text: str) -> bool:
        """Whether nearly all cells have this text in them."""
        return self.share(re.escape(text)) >= _NEARLY_ALL


def columns_of(table: Table) -> list[Column]:
    """The columns that hold anything, in the order of the table."""
    found = [
        Column(name, [row[name] for _, row in table.rows if name in row and not is_missing(row[name])])
        for name in table.columns
    ]
    return [column for column in found if column.values]


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, list):
        roles = any(isinstance(each, dict) and "role" in each for each in value)
        return "messages" if roles or chat_messages(value) else "list"
    if isinstance(value, dict):
        return "object"
    return "text" if isinstance(value, str) else "number"


def _is_number(value: Any) -> bool:
    if isinstance(value, list | dict):
        return False
    try:
        Number().gold(value)
    except ValueError:
        return False
    return True
