"""Outcomes of a task with five classes, from letters, and scores by counting question by question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rewardsearch.records import Outcome, OutcomeKind

FIVE = ("joy", "anger", "fear", "love", "surprise")
LETTERS = {name[0]: name for name in FIVE}


def of_five(gold: Sequence[str], answers: Sequence[str], positive: bool = False) -> tuple[Outcome, ...]:
    """One outcome a question, ids q0, q1, ...; letters: j, a, f, l, s, or - for unparsed. positive: joy is the positive class."""
    found = []
    for place, (own, said) in enumerate(zip(gold, answers, strict=True)):
        kind: OutcomeKind = "unparsed" if said == "-" else "correct" if own == said else "wrong"
        found.append(
            Outcome(
                id=f"q{place}",
                kind=kind,
                gold=LETTERS[own],
                prediction=LETTERS.get(said),
                length=3,
                positive=own == "j" if positive else None,
                classes=FIVE,
            )
        )
    return tuple(found)


def drawn_letters(seed: int, n: int = 200, right: float = 0.6, unparsed: float = 0.1) -> tuple[str, str]:
    """Gold and answers of `n` questions, with classes of uneven size."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(list(LETTERS), n, p=(0.4, 0.25, 0.2, 0.1, 0.05))
    answers = np.where(rng.random(n) < right, gold, rng.choice(list(LETTERS), n))
    return "".join(gold), "".join(np.where(rng.random(n) < unparsed, "-", answers))


def counted(gold: str, answers: str) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1 of each class, by counting."""
    found = {}
    for letter, name in LETTERS.items():
        right = sum(g == a == letter for g, a in zip(gold, answers, strict=True))
        given, of = answers.count(letter), gold.count(letter)
        found[name] = (
            right / given if given else 0.0,
            right / of if of else 0.0,
            2 * right / (given + of) if given + of else 0.0,
        )
    return found
