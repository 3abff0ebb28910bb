"""What tasks with two classes share: the asked form, its parser, the outcome, labelled completions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rewardsearch.records import LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks.base import solution_of


def class_form(classes: tuple[str, str]) -> str:
    """The form that a policy is asked to answer in."""
    return f"<thinking> your reasons </thinking> <solution> {classes[0]} or {classes[1]} </solution>"


def completion_of(reason: str, label: str) -> str:
    """A completion in the asked form."""
    return f"<thinking> {reason} </thinking> <solution> {label} </solution>"


def parse_class(completion: str, classes: tuple[str, str]) -> str | None:
    """The class that stands alone in the first closed <solution> tag, in any case; None without one."""
    answer = (solution_of(completion) or "").upper()
    return answer if answer in classes else None


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


def class_outcome(row: Row, completion: str, length: int, classes: tuple[str, str]) -> Outcome:
    """Correct, wrong or unparsed, by the class in the solution tag."""
    prediction = parse_class(completion, classes)
    kind: OutcomeKind = "unparsed"
    if prediction is not None:
        kind = "correct" if prediction == row.answer else "wrong"
    return Outcome(
        id=row.id,
        kind=kind,
        gold=row.answer,
        prediction=prediction,
        length=length,
        positive=row.answer == classes[0],
    )


def class_labelled(
    rows: Sequence[Row], reasons: Sequence[tuple[str, ...]], classes: tuple[str, str]
) -> list[LabelledCompletion]:
    """Right, wrong and unparsed completions for each row, given the reasons for its label, the fullest first."""
    out: list[LabelledCompletion] = []
    for row, (full, *others) in zip(rows, reasons, strict=True):
        gold = row.answer
        off = classes[1] if gold == classes[0] else classes[0]
        texts: list[tuple[str, OutcomeKind]] = [
            (completion_of(full, gold), "correct"),
            (f"<thinking>\n{full}\n</thinking>\n<solution>\n{gold}\n</solution>", "correct"),
            *((completion_of(other, gold), "correct") for other in others),
            (completion_of(full, off), "wrong"),
            *((completion_of(other, off), "wrong") for other in others),
            (f"{full} {gold}", "unparsed"),
            (f"<thinking> {full}", "unparsed"),
            ("", "unparsed"),
        ]
        out.extend(LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in texts)
    return out
