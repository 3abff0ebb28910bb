"""The one reader of numbers and of gold answers that are numbers.

A text is a number when the whole text is one:

- ASCII digits, with a decimal point (`5.`, `.5`) and an exponent of at most two digits (`1e3`);
- a sign before it (`-3`, `- 3`, `+3`); a hyphen, dash or minus of Unicode counts as `-`;
- a currency sign `$`, `\u20ac` or `\u00a3` on one side (`$-3`, `-$3`, `5 \u20ac`), which is passed over;
- commas that group thousands (`1,000`, not `1,00` or `1,2,3`);
- one full stop after it.

Everything else is no number: several numbers, fractions, percentages, units, `1.5 million`, `nan`, `inf`. Values are exact.
"""

from __future__ import annotations

import re
from decimal import Decimal

_DASH = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_NUMBER = re.compile(
    r"(?:[-+]?\s?[$\u20ac\u00a3]?|[$\u20ac\u00a3]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$\u20ac\u00a3])?"
)
_MARK = "####"
_NO_VALUE = re.compile(r"|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_PASSED_OVER = re.compile(r"[\s,$\u20ac\u00a3]")


def read_number(text: str) -> Decimal | None:
    """The number that the whole of `text` is; None for any other text."""
    text = _DASH.sub("-", text).strip()
    return Decimal(_PASSED_OVER.sub("", text).rstrip(".")) if _NUMBER.fullmatch(text) else None


def number_text(number: Decimal) -> str:
    """The one way in which a number is written as a gold answer: `-1200.5`, without exponent, grouping or closing zeros."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def gold_number(value: object) -> str | None:
    """A gold answer as `number_text`, from a number, its text, or a whole solution that ends in `#### number`.

    None where it is no number, as `nan` and a missing value are not.
    """
    number = read_number(str(value).rpartition(_MARK)[2])
    return None if number is None else number_text(number)


def gold_text(value: object, numeric: bool = False) -> str:
    """A gold answer as rewards see it: `gold_number`, or the text itself where answers need not be numbers.

    Raises ValueError with the value for what is neither, for a text that says that there is none (blank, `nan`, `inf`), and for a
    solution that ends in `####` and no number.
    """
    number = gold_number(value)
    if number is not None:
        return number
    if isinstance(value, str) and not numeric and _MARK not in value and not _NO_VALUE.fullmatch(value.strip()):
        return value
    allowed = "a number or its text" if numeric else "a number, a text"
    raise ValueError(f"got the gold answer {value!r}; allowed: {allowed}, or a solution that ends in `{_MARK} number`")
