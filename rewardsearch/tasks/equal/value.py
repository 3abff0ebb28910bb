"""Numbers as answers write them: what numbers.py reads, and fractions, percentages, powers of ten, LaTeX, Markdown, more
currencies.

A percent sign is passed over, as a currency sign is: `25%` is 25. So are units that LaTeX marks as such (`47 \\text{ cm}`,
`90^\\circ`). Units in plain words, decimal commas (`3,5`, which may be a slip of `35` or of `3,500`) and other words are not.
"""

import re
from decimal import Decimal
from fractions import Fraction

from rewardsearch.tasks.numbers import number_text, read_number

_VULGAR = {
    "\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3", "\u2155": "1/5", "\u2156": "2/5",
    "\u2157": "3/5", "\u2158": "4/5", "\u2159": "1/6", "\u215a": "5/6", "\u215b": "1/8", "\u215c": "3/8", "\u215d": "5/8",
    "\u215e": "7/8", "\u2150": "1/7", "\u2151": "1/9", "\u2152": "1/10",
}  # fmt: skip
_UNIT = re.compile(
    r"(?<=[0-9}])\s*\\(?:text|mathrm|mbox)\{\s*(?!(?:dozen|hundred|thousand|[mbtr]+illion|percent|k)s?\s*\})"
    r"[A-Za-z]+(?:/[A-Za-z]+)?\s*\}$|\s*\^\{?\\circ\}?$"
)
"""One word that LaTeX sets as text, and degrees; not a word that makes another number."""
_WRITTEN = (
    (re.compile("^[\u200b-\u200d\u2060\ufeff]+|[\u200b-\u200d\u2060\ufeff]+$"), ""),
    (re.compile(r"^(\*\*|__|[*_`])([^*_`]+)\1$"), r"\2"),
    (re.compile(r"^\\\((.*)\\\)$|^\\\[(.*)\\\]$|^\$([^$]*)\$$"), r"\1\2\3"),
    (_UNIT, ""),
    (re.compile(r"^\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}$"), r"\1"),
    (re.compile(r"(?<=[0-9])\{,\}(?=[0-9]{3})"), ","),
    (re.compile(r"\\(?=[$%])|\\[,!;]"), ""),
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r" \1/\2"),
    (re.compile("[\u2044\u2215]"), "/"),
    (re.compile(r"\s*(?:%|percent)\.?$|^[\u00a5\u20b9\u20a9\u20bd]\s?|\s?[\u00a5\u20b9\u20a9\u20bd]$"), ""),
)
"""Other ways to write a number, and what each is replaced by, in this order."""
_FRACTION = re.compile(r"([-+]?)\s*(?:([0-9]{1,30})\s+)?([0-9]{1,30})\s*/\s*([0-9]{1,30})\.?")
_POWER = re.compile(
    r"(.{1,40}?)\s*(?:x|\*|\u00d7|\\times|\\cdot)\s*10\s*(?:\^|\*\*)\s*\{?\s*([-+\u2212]?[0-9]{1,2})\s*\}?\.?"
)
_LONGEST = 1000


def number(text: str) -> Decimal | Fraction | None:
    """The number that the whole text is; None for any other text."""
    text = text.strip()
    plain = read_number(text)
    if plain is not None or len(text) > _LONGEST:
        return plain
    for sign, fraction in _VULGAR.items():
        text = text.replace(sign, f" {fraction}")
    for pattern, other in _WRITTEN:
        text = pattern.sub(other, text).strip()
    text = text.replace("\u2212", "-")
    found = _FRACTION.fullmatch(text)
    if found is not None:
        sign, whole, above, below = found.groups()
        if int(below) == 0:
            return None
        value = int(whole or 0) + Fraction(int(above), int(below))
        return -value if sign == "-" else value
    power = _POWER.fullmatch(text)
    if power is not None:
        base = read_number(power[1])
        return None if base is None else base.scaleb(int(power[2]))
    return read_number(text)


def gold_value(cell: object) -> str:
    """A gold answer as rewards see it, from a number in any of these ways, or a solution that ends in `#### number`.

    Raises ValueError for any other cell, with the rest of the sentence `it ...`.
    """
    value = None if isinstance(cell, bool) else number(str(cell).rpartition("####")[2])
    if value is None:
        raise ValueError("is no number; write one such as -1200.5, or a solution that ends in `#### number`")
    if isinstance(value, Decimal):
        return number_text(value)
    digits = value.denominator
    for factor in (2, 5):
        while digits % factor == 0:
            digits //= factor
    if digits != 1:
        raise ValueError("has no end in decimals; round it, or use task.kind: text with task.equal: math")
    return number_text(Decimal(value.numerator) / Decimal(value.denominator))
