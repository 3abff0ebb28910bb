"""What a policy answers on a task with classes, in words: how often each class, and how it confuses them."""

from __future__ import annotations

from rewardsearch.records import ClassScores

MIN_LEAN = 0.1
"""A lean is a class that is answered too often by at least this share of the questions, ..."""
_MIN_ERRORS = 2.0
"""... and by more than this number of standard errors."""


def classes_of(scores: ClassScores | None) -> tuple[str, ...] | None:
    """The classes, the positive one first; None on a task without."""
    if scores is None:
        return None
    positive, negative = scores.classes
    return positive, negative


def describe_answers(scores: ClassScores | None) -> str:
    """The share of each answer beside its share in gold, and the answers to each class's questions; empty without scores."""
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
    confusions = []
    for name, other in zip(scores.classes, reversed(scores.classes), strict=True):
        row = scores.confusion[name]
        confusions.append(
            f"of {_gold(scores, name):.4g} {name} {row[name]:.4g} right and {row[other]:.4g} answered {other}"
        )
    return f"{', '.join(given)}; {'; '.join(confusions)}"


def lean(scores: ClassScores | None) -> tuple[float, str] | None:
    """The class that is answered too often: by what share of the questions, and in words. None where there is none.

    The difference of the two shares must be at least MIN_LEAN and more than two standard errors. The standard error is
    sqrt(b + c) / n, with b questions where the class is answered and not gold, and c where it is gold and not answered (as in
    McNemar's test, Psychometrika 12, 1947).
    """
    if scores is None:
        return None
    n = _total(scores)
    for name in scores.classes:
        right = scores.confusion[name][name]
        given, gold = _answered(scores, name), _gold(scores, name)
        off = (given - right) + (gold - right)
        if given - gold >= MIN_LEAN * n and given - gold > _MIN_ERRORS * off**0.5:
            return (given - gold) / n, f"answers {name} in {_share(given / n)} where {_share(gold / n)} should be"
    return None


def describe_lean(scores: ClassScores | None) -> str:
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
