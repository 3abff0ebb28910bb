"""What tasks with two classes share: the asked form, its parser, the outcome, labelled completions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rewardsearch.records import LabelledCompletion, Outcome, OutcomeKind, Row

_SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def class_form(classes: tuple[str, str]) -> str:
    """The form that a policy is asked to answer in."""
    return f"<thinking> your reasons </thinking> <solution> {classes[0]} or {classes[1]} </solution>"


def completion_of(reason: str, label: str) -> str:
    """A completion in the asked form."""
    return f"<thinking> {reason} </thinking> <solution> {label} </solution>"


def parse_class(completion: str, classes: tuple[str, str]) -> str | None:
    """The class that alone stands in the first closed <solution> tag, whatever its case; None without one."""
    tag = _SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else None
    return said if said in classes else None


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
    """Right, wrong and unparsed completions for each row, given reasons of its own label for each, the fullest first."""
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
