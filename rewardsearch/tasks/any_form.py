"""What a completion answers in any form: in the asked tags, after another mark of an answer, or last in its text.

An answer outside the asked form does not count, but the work behind it may be right.
"""

from __future__ import annotations

import re
from decimal import Decimal

from rewardsearch.tasks.base import parse_number
from rewardsearch.tasks.classes import parse_class
from rewardsearch.tasks.numbers import read_number

_TAG = re.compile(r"<solution>(.*?)(?:</solution>|\Z)", re.DOTALL)
_NUMBER = re.compile(r"(?:(?<![\w)])(?<![\d)] )[-\u2212])?\$?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_MARK = re.compile(r"\\boxed\{|####|\banswer\b(?:\s+is\b)?[\s:=*]*", re.IGNORECASE)
_MARKED = re.compile(r"(?:(?![.!?]\s|[\n}]).){0,80}")
"""What a mark marks: the rest of its sentence."""


def number_in_any_form(completion: str) -> Decimal | None:
    """The number that a completion answers: in its solution tag, which may be unclosed or hold words as well; else after its
    last mark (`the answer is`, `####`, `\\boxed{`); else its last number. None without a number."""
    if (parsed := parse_number(completion)) is not None:
        return parsed
    tag = _TAG.search(completion)
    if tag is not None and (inside := _NUMBER.findall(tag[1])):
        return read_number(inside[-1])
    for mark in reversed(list(_MARK.finditer(completion))):
        said = _MARKED.match(completion, mark.end())
        if said is not None and (numbers := _NUMBER.findall(said[0])):
            return read_number(numbers[-1] if "=" in said[0] else numbers[0])
    numbers = _NUMBER.findall(completion)
    return read_number(numbers[-1]) if numbers else None


def right_number(completion: str, gold: str) -> bool:
    """Whether the number that a completion answers in any form equals `gold`."""
    given = number_in_any_form(completion)
    return given is not None and given == read_number(gold)


def class_in_any_form(completion: str, classes: tuple[str, str]) -> str | None:
    """The class that a completion answers: in its solution tag; else the last one that it names, in capitals if it does so
    anywhere. None without a class."""
    if (parsed := parse_class(completion, classes)) is not None:
        return parsed
    names = "|".join(map(re.escape, classes))
    for case in (re.NOFLAG, re.IGNORECASE):
        if named := re.findall(rf"(?<!\bnot )\b(?:{names})\b", completion, case):
            return str(named[-1]).upper()
    return None
