"""Type hints, a frozen dataclass with methods, a table of constants, keyword-only arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WEIGHTS: dict[str, float] = {"tag": 0.5, "number": 1.5}


class Span(NamedTuple):
    start: int
    end: int


@dataclass(frozen=True)
class Score:
    tag: float = 0.0
    number: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> float:
        return WEIGHTS["tag"] * self.tag + WEIGHTS["number"] * self.number

    def __lt__(self, other: Score) -> bool:
        return self.total < other.total


def find(text: str, *, tag: str = "solution") -> Span | None:
    start, end = text.find(f"<{tag}>"), text.find(f"</{tag}>")
    return Span(start + len(tag) + 2, end) if 0 <= start < end else None


def score(text: str, gold: str) -> Score:
    span = find(text)
    if span is None:
        return Score(notes=["no tag"])
    inside: str = text[span.start : span.end].strip()
    try:
        close = math.isclose(float(inside), float(gold), rel_tol=1e-9)
    except (ValueError, OverflowError):
        close = False
    return Score(tag=1.0, number=float(close))


def reward(prompts: Sequence[str], completions: Sequence[str], answer: Sequence[str], **columns: Any) -> list[float]:
    scores: list[Score] = [score(text, gold) for text, gold in zip(completions, answer, strict=True)]
    if scores and max(scores).total < 0:
        raise AssertionError("weights are positive")
    return [item.total for item in scores]
