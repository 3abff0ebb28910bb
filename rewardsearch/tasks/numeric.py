"""What tasks with numeric answers share: the asked form, its parser, the outcome, labelled completions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal

from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks.base import solution_of
from rewardsearch.tasks.numbers import number_text, read_number

FORM = "<thinking> your steps </thinking> <solution> the number alone </solution>"
COUNTS = """\
An answer counts only when the first <solution> tag is closed and holds one number and nothing else: `$` and thousands commas are
passed over; with a unit, `%`, other words or a second number it does not count. It is correct when that number equals `answer`,
which is written like -1200.5."""
"""How answers are judged, for proposers."""

_OPEN_SOLUTION = re.compile(r"<solution>(.*?)(?:</solution>|\Z)", re.DOTALL)
_NUMBER = re.compile(r"(?:(?<![\w)])(?<![\d)] )[-\u2212])?\$?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_MARK = re.compile(r"\\boxed\{|####|\banswer\b(?:\s+is\b)?[\s:=*]*", re.IGNORECASE)
_MARKED = re.compile(r"(?:(?![.!?]\s|[\n}]).){0,80}")
"""What a mark of an answer applies to: the rest of its sentence."""


def parse_number(completion: str) -> Decimal | None:
    """The number that stands alone in the first closed <solution> tag, as numbers.py reads it; None without one."""
    solution = solution_of(completion)
    return None if solution is None else read_number(solution)


def numeric_outcome(row: Row, completion: str, length: int) -> Outcome:
    """Correct, wrong or unparsed, by the number in the solution tag."""
    number = parse_number(completion)
    kind: OutcomeKind = "unparsed"
    if number is not None:
        kind = "correct" if number == read_number(row.answer) else "wrong"
    prediction = None if number is None else f"{number:f}"
    return Outcome(id=row.id, kind=kind, gold=row.answer, prediction=prediction, length=length)


def number_in_any_form(completion: str) -> Decimal | None:
    """The number that a completion answers: in its solution tag, which may be unclosed or hold words as well; else after its
    last mark (`the answer is`, `####`, `\\boxed{`); else its last number. None without a number."""
    if (parsed := parse_number(completion)) is not None:
        return parsed
    tag = _OPEN_SOLUTION.search(completion)
    if tag is not None and (inside := _NUMBER.findall(tag[1])):
        return read_number(inside[-1])
    for mark in reversed(list(_MARK.finditer(completion))):
        marked = _MARKED.match(completion, mark.end())
        if marked is not None and (numbers := _NUMBER.findall(marked[0])):
            return read_number(numbers[-1] if "=" in marked[0] else numbers[0])
    numbers = _NUMBER.findall(completion)
    return read_number(numbers[-1]) if numbers else None


def right_number(completion: str, gold: str) -> bool:
    """Whether the number that a completion answers in any form equals `gold`."""
    given = number_in_any_form(completion)
    return given is not None and given == read_number(gold)


def numeric_demonstration(row: Row, working: str) -> Demonstration:
    """The row answered in the asked form, with its correct working."""
    return Demonstration(row=row, completion=f"<thinking> {working} </thinking> <solution> {row.answer} </solution>")


def _shifted(gold: str, by: int) -> str:
    """Another number than the gold one, exactly `by` away."""
    number = read_number(gold)
    if number is None:
        raise ValueError(f"the gold answer {gold!r} is no number")
    return number_text(Context(prec=len(gold) + 100).add(number, Decimal(by)))


def numeric_labelled(rows: Sequence[Row], workings: Sequence[str]) -> list[LabelledCompletion]:
    """Right, wrong and unparsed completions for each row, given a correct working (text without the form) for each."""
    out: list[LabelledCompletion] = []
    for i, (row, working) in enumerate(zip(rows, workings, strict=True)):
        gold = row.answer
        off = _shifted(gold, (1, -3, 10, 7)[i % 4])
        texts: tuple[tuple[str, OutcomeKind], ...] = (
            (f"<thinking> {working} </thinking> <solution> {gold} </solution>", "correct"),
            (f"<thinking>\n{working}\n</thinking>\n<solution>\n{gold}\n</solution>", "correct"),
            (f"<thinking> so the answer is {gold} </thinking> <solution> {gold} </solution>", "correct"),
            (f"<thinking> {working} </thinking> <solution> {off} </solution>", "wrong"),
            (f"<thinking> so the answer is {off} </thinking> <solution> {off} </solution>", "wrong"),
            (f"{working} The answer is {gold}.", "unparsed"),
            (f"<thinking> {working}", "unparsed"),
            ("", "unparsed"),
        )
        out.extend(LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in texts)
    return out
