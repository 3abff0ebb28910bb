"""Outcomes of a task with the classes SELECTED and REJECTED, from letters."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.records import Outcome, OutcomeKind

NAMES = {"S": "SELECTED", "R": "REJECTED", "-": None}


def classed(gold: Sequence[str], answers: Sequence[str]) -> tuple[Outcome, ...]:
    """One outcome a question, ids q0, q1, ...; letters: S selected, R rejected, - unparsed."""
    return tuple(_classed(i, *pair) for i, pair in enumerate(zip(gold, answers, strict=True)))


def _classed(question: int, gold: str, answer: str) -> Outcome:
    kind: OutcomeKind = "unparsed" if answer == "-" else "correct" if gold == answer else "wrong"
    name = NAMES[gold]
    assert name is not None
    return Outcome(
        id=f"q{question}",
        kind=kind,
        gold=name,
        prediction=NAMES[answer],
        length=9,
        positive=gold == "S",
        classes=("SELECTED", "REJECTED"),
    )
