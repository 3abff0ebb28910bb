"""What counts as the same answer: numbers, texts, classes, or mathematics."""

from __future__ import annotations

import importlib.util
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewardsearch.config import TaskConfig, label_key
from rewardsearch.errors import UserError
from rewardsearch.tasks import numbers, served
from rewardsearch.tasks.equal import latex, texts
from rewardsearch.tasks.equal import value as values
from rewardsearch.tasks.equal.texts import gold_words, plain
from rewardsearch.tasks.equal.value import gold_value, number
from rewardsearch.tasks.numbers import gold_number, read_number
from rewardsearch.tasks.served import CallFault, Served

_LONGEST = 300
_CALL_S = 10.0
"""Seconds for a comparison, whose parts have time limits of their own."""
_LARGE = re.compile(r"\^[^^]*\^|\^\s*\{?\s*-?\d{4,}|\d{4,}\s*!|!\s*!")
"""What may be too large to be worked out: towers of powers, large exponents and factorials."""


class Equality(ABC):
    """When two answers are the same. An answer is read into a value; texts that have none are no answer."""

    name: str
    numeric = False
    """Whether every gold answer is a number as `numbers.number_text` writes it."""
    placeholder = "the answer alone"
    """Words for the answer in the text that asks for a form."""
    reasons = "your reasons"
    """Words there for what comes before it."""

    @property
    def code(self) -> str:
        """Python source of the functions by which rewards compare (`number`, `plain`); empty for those that base rewards have."""
        return ""

    @abstractmethod
    def read(self, text: str) -> Any:
        """The value of an answer; None for a text that is no answer."""

    def same(self, given: Any, gold: Any) -> bool:
        """Whether two values are of the same answer."""
        return bool(given == gold)

    def shown(self, value: Any) -> str:
        """How a value is recorded as a prediction."""
        return str(value)

    @abstractmethod
    def gold(self, cell: object) -> str:
        """A gold answer as rewards see it. Raises ValueError for a cell that is none, with the rest of the sentence `it ...`."""

    @property
    @abstractmethod
    def counts(self) -> str:
        """For proposers, after the place of the answer: what it must be to count, and when it is correct."""


class Digits(Equality):
    """Numbers as numbers.py reads them: no fractions and no percentages."""

    name = "digits"
    numeric = True
    placeholder = "the number alone"
    reasons = "your steps"

    @property
    def counts(self) -> str:
        return (
            "one number and nothing else: `$` and thousands commas are\npassed over; with a unit, `%`, other words or a second "
            "number it does not count. It is correct when that number equals `answer`,\nwhich is written like -1200.5."
        )

    def read(self, text: str) -> Decimal | Fraction | None:
        return read_number(text)

    def shown(self, value: Decimal | Fraction) -> str:
        return f"{value:f}" if isinstance(value, Decimal) else str(value)

    def gold(self, cell: object) -> str:
        found = gold_number(cell)
        if found is None:
            raise ValueError("is no number; write one such as -1200.5, or a solution that ends in `#### number`")
        return found


class Number(Digits):
    """Numbers in more ways: `1/2`, `25%`, `1.5 x 10^3`, `\\frac{1}{2}`."""

    name = "number"

    @property
    def counts(self) -> str:
        return (
            "one number and nothing else: currency signs, `%` and thousands commas are\npassed over, `1/2` and `1.5 x 10^3` are "
            "read; with a unit, other words or a second number it does not count. It is correct when\nthat number equals "
            "`answer`, which is written like -1200.5."
        )

    @property
    def code(self) -> str:
        return _sources(numbers, values)

    def read(self, text: str) -> Decimal | Fraction | None:
        return number(text)

    def gold(self, cell: object) -> str:
        return gold_value(cell)


class Text(Equality):
    """Texts, without case, white space, quotes around them and a full stop at the end."""

    name = "text"

    @property
    def counts(self) -> str:
        return (
            "the answer and nothing else. It is correct when it equals `answer`;\ncase, white space, outer quotes and a full "
            "stop at the end do not count."
        )

    @property
    def code(self) -> str:
        return _sources(texts)

    def read(self, text: str) -> Any:
        return plain(text) or None

    def gold(self, cell: object) -> str:
        return gold_words(cell)


class Choice(Text):
    """One of the classes by its name.

    classes: their names, the positive one first. values: what the data write for each; its name for None. strict: nothing around
    the name is passed over but white space.
    """

    name = "choice"

    def __init__(
        self, classes: Sequence[str], values: Mapping[str, Sequence[str]] | None = None, strict: bool = False
    ) -> None:
        self.classes, self._strict = tuple(classes), strict
        self._names = {self._key(name): name for name in classes}
        self._gold = {label_key(value): name for name in classes for value in (values or {}).get(name, (name,))}
        self.placeholder = f"{', '.join(self.classes[:-1])} or {self.classes[-1]}"

    def _key(self, text: str) -> str:
        return text.strip().upper() if self._strict else plain(text)

    @property
    def code(self) -> str:
        return "" if self._strict else super().code

    @property
    def counts(self) -> str:
        return f"{self.placeholder} alone; it is correct when\nthat equals `answer`."

    def read(self, text: str) -> str | None:
        return self._names.get(self._key(text))

    def gold(self, cell: object) -> str:
        found = self._gold.get(label_key(super().gold(cell)))
        if found is None:
            raise ValueError(
                f"is no class; allowed: {', '.join(self._gold)}; correct the row, or name its value in task.classes"
            )
        return found


class Math(Text):
    """Mathematics in LaTeX, compared by math-verify (an extra)."""

    name = "math"

    @property
    def counts(self) -> str:
        return (
            "the answer alone. It is correct when math-verify finds it equal to `answer`: `\\frac{1}{2}` equals `0.5`."
        )

    def __init__(self) -> None:
        if importlib.util.find_spec("math_verify") is None:
            raise UserError(
                "task.equal: math needs the package math-verify; install it (pip install 'rewardsearch[math]'), or use text"
            ) from None

    @property
    def code(self) -> str:
        return _sources(numbers, values, latex)

    def read(self, text: str) -> str | None:
        return text.strip().strip("$").strip() or None

    def same(self, given: str, gold: str) -> bool:
        if plain(given) == plain(gold):
            return True
        # What is long or has large powers could take for ever to work out: such are compared as texts alone.
        if any(len(text) > _LONGEST or _LARGE.search(text) for text in (given, gold)):
            return False
        try:
            return bool(_mathematics().call("same", given, gold))
        except CallFault as fault:
            if fault.start:
                raise UserError(f"task.equal: math-verify {fault.reason}; install it again") from None
            return False


@lru_cache
def _mathematics() -> Served:
    """The process of math-verify, one for all tasks."""
    return Served(Path(served.__file__).with_name("mathematics.py"), {}, keys=False, call_s=_CALL_S)


def equality_of(config: TaskConfig, usual: Equality) -> Equality:
    """What `task.equal` names; `usual` where it is not set."""
    made: dict[str, type[Number | Text]] = {"number": Number, "text": Text, "math": Math}
    return usual if config.equal is None else made[config.equal]()


def _sources(*modules: Any) -> str:
    """The text of modules without their docstrings and their imports of the package."""
    parts = []
    for module in modules:
        lines = inspect.getsource(module).partition('"""\n\n')[2].splitlines()
        parts.append("\n".join(line for line in lines if not line.startswith(("from rewardsearch", "from __future__"))))
    return "\n".join(parts)
