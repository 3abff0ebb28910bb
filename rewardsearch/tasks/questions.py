"""Which training rows the rollout bank and the probes ask: the first ones with prompts of their own.

Balancing the classes repeats rows of the rarer one (tables.py). For training they are further rows; to what is said of a reward
the same question twice is one question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rewardsearch.records import Row

T = TypeVar("T")
FEW = 16
"""Questions of a class below which what the bank says of it is told to be rough."""


def first_distinct(items: Iterable[T], n: int, prompt: Callable[[T], str]) -> list[T]:
    """The first `n` of `items` whose prompt none before them has; all such where there are fewer."""
    found: dict[str, T] = {}
    for item in items:
        if len(found) == n:
            break
        found.setdefault(prompt(item), item)
    return list(found.values())


def bank_rows(rows: Sequence[Row], n: int) -> list[Row]:
    """The rows that a bank of `n` questions asks, of the training rows."""
    return first_distinct(rows, n, lambda row: row.prompt_text)


def bank_weights(rows: Sequence[Row], asked: Sequence[Row]) -> dict[str, float]:
    """By gold answer, what a question of the bank counts for, so that its classes weigh what they do in training: as many of
    the first training rows over as many of those `asked`. 1 where no row came again."""
    trained, held = (Counter(row.answer for row in each) for each in (rows[: len(asked)], asked))
    return {name: trained.get(name, count) / count for name, count in held.items()}


def scarce_message(rows: Sequence[Row], asked: Sequence[Row], classes: tuple[str, str] | None) -> str | None:
    """One line on the class that has fewer than FEW questions in the bank, and what to do; None where none has."""
    if classes is None:
        return None
    counts = Counter(row.answer for row in asked)
    scarce = min(classes, key=lambda name: counts[name])
    if counts[scarce] >= FEW:
        return None
    there = len({row.prompt_text for row in rows if row.answer == scarce})
    remedy = (
        "raise bank.questions" if there > counts[scarce] else f"train has no more: give more rows that are {scarce}"
    )
    return (
        f"rollout bank: {counts[scarce]} of its {len(asked)} questions are {scarce}; what it says of a reward is rough "
        f"with fewer than {FEW} of a class ({remedy})"
    )
