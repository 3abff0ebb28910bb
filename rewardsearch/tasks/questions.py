"""Which training rows the rollout bank and the probes use: the first ones with different prompts.

Balancing the classes repeats rows of the rarer one (user_pairs.py). In training a repeated row counts again; for measuring a
reward the same question twice is one question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rewardsearch.records import Row

T = TypeVar("T")
FEW = 16
"""Number of questions of a class below which the bank's figures are called rough."""


def first_distinct(items: Iterable[T], n: int, prompt: Callable[[T], str]) -> list[T]:
    """The first `n` of `items` with different prompts; all of those where there are fewer."""
    found: dict[str, T] = {}
    for item in items:
        if len(found) == n:
            break
        found.setdefault(prompt(item), item)
    return list(found.values())


def bank_rows(rows: Sequence[Row], n: int) -> list[Row]:
    """The training rows that a bank of `n` questions uses."""
    return first_distinct(rows, n, lambda row: row.prompt_text)


def bank_weights(rows: Sequence[Row], asked: Sequence[Row]) -> dict[str, float]:
    """The weight of a question of the bank, by gold answer, so that classes weigh what they do in training: their number among
    the first training rows, over their number among those `asked`. 1 where no row is repeated."""
    trained, held = (Counter(row.answer for row in each) for each in (rows[: len(asked)], asked))
    return {name: trained.get(name, count) / count for name, count in held.items()}


def scarce_message(rows: Sequence[Row], asked: Sequence[Row], classes: tuple[str, ...] | None) -> str | None:
    """A line about the class that has fewer than FEW questions in the bank, with what to do; None where there is no such
    class."""
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
