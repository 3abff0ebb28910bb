"""What a policy answers on a task with classes, in words: how often each class, and which it takes for which."""

from __future__ import annotations

from rewardsearch.records import ClassScores

LEAST_LEAN = 0.1
"""The share of the questions by which a class must be answered too often to be told as a lean."""
_CLEAR = 2.0
"""Standard errors that it must be beyond."""


def classes_of(scores: ClassScores | None) -> tuple[str, str] | None:
    """The classes, the positive one first; None on a task without."""
    if scores is None:
        return None
    positive, negative = scores.classes
    return positive, negative


def answers_told(scores: ClassScores | None) -> str:
    """The share of each answer beside what it should be, and what became of each class's questions; empty without scores."""
    if scores is None:
        return ""
    n = _total(scores)
    given = [
        f"{name} in {_share(_answered(scores, name) / n)} (should be {_share(_gold(scores, name) / n)})"
        for name in scores.classes
    ]
    neither = _answered(scores, "unparsed")
    if neither:
        given.append(f"neither in {_share(neither / n)}")
    promotions = []
    for name, other in zip(scores.classes, reversed(scores.classes), strict=True):
        row = scores.confusion[name]
        promotions.append(
            f"of {_gold(scores, name):.4g} {name} {row[name]:.4g} right and {row[other]:.4g} answered {other}"
        )
    return f"{', '.join(given)}; {'; '.join(promotions)}"


def lean(scores: ClassScores | None) -> tuple[float, str] | None:
    """The class that is clearly answered too often: by what share of the questions, and in words. None where there is none.

    Clearly: by LEAST_LEAN, and by two standard errors of the difference between two shares of the same questions, which is
    sqrt(b + c) / n, b and c being the questions where the class is answered and not gold, and gold and not answered (as in
    McNemar's test, Psychometrika 12, 1947).
    """
    if scores is None:
        return None
    n = _total(scores)
    for name in scores.classes:
        right = scores.confusion[name][name]
        given, gold = _answered(scores, name), _gold(scores, name)
        off = (given - right) + (gold - right)
        if given - gold >= LEAST_LEAN * n and given - gold > _CLEAR * off**0.5:
            return (given - gold) / n, f"answers {name} in {_share(given / n)} where {_share(gold / n)} should be"
    return None


def lean_told(scores: ClassScores | None) -> str:
    """The lean in words; empty where there is none."""
    found = lean(scores)
    return found[1] if found else ""


def _total(scores: ClassScores) -> float:
    return sum(sum(row.values()) for row in scores.confusion.values())


def _gold(scores: ClassScores, name: str) -> float:
    return sum(scores.confusion[name].values())


def _answered(scores: ClassScores, name: str) -> float:
    return sum(row[name] for row in scores.confusion.values())


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
