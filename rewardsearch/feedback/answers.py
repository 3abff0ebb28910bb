"""What a policy answers on a task with classes, in words: how often each class, and how it confuses them."""

from __future__ import annotations

from rewardsearch.records import UNPARSED, ClassScores

MIN_LEAN = 0.1
"""A lean is a class that is answered too often by at least this share of the questions, ..."""
_MIN_ERRORS = 2.0
"""... and by more than this number of standard errors."""
_HARDLY = 0.1
"""A class counts as left out up to this share of how often it should be answered."""


_MAX_CONFUSED = 6
"""Classes whose wrong answers are described; of more, those with the most."""


def describe_answers(scores: ClassScores | None) -> str:
    """The share of each answer beside its share in gold, and how each class's questions are answered: correctly, and with the
    most frequent wrong class. Empty without scores."""
    if scores is None:
        return ""
    n, names = _total(scores), list(scores.classes)
    given = [
        f"{name} in {_share(_answered(scores, name) / n)} (should be {_share(_gold(scores, name) / n)})"
        for name in names
    ]
    unparsed = _answered(scores, UNPARSED)
    if unparsed:
        given.append(f"{'neither' if len(names) == 2 else 'none of them'} in {_share(unparsed / n)}")
    wrong = {
        name: max((count, other) for other, count in scores.confusion[name].items() if other not in (name, UNPARSED))
        for name in names
    }
    worst = sorted(names, key=lambda name: -wrong[name][0])[:_MAX_CONFUSED]
    confusions = [
        f"of {_gold(scores, name):.4g} {name} {scores.confusion[name][name]:.4g} right and {wrong[name][0]:.4g} answered "
        f"{wrong[name][1]}"
        for name in names
        if name in worst
    ]
    return f"{', '.join(given)}; {'; '.join(confusions)}"


def lean(scores: ClassScores | None) -> tuple[float, str] | None:
    """The class that is answered too often, or else, of more than two, the one that is left out: by what share of the questions,
    and in words. None where there is none.

    The difference of the two shares must be at least MIN_LEAN (a class that is left out may be rarer; it is answered a tenth as
    often as it should be, or less) and more than two standard errors. The standard error is
    sqrt(b + c) / n, with b questions where the class is answered and not gold, and c where it is gold and not answered (as in
    McNemar's test, Psychometrika 12, 1947).
    """
    if scores is None:
        return None
    n = _total(scores)
    often: list[tuple[float, str]] = []
    seldom: list[tuple[float, str]] = []
    for name in scores.classes:
        right = scores.confusion[name][name]
        given, gold = _answered(scores, name), _gold(scores, name)
        error = _MIN_ERRORS * ((given - right) + (gold - right)) ** 0.5
        if given - gold >= MIN_LEAN * n and given - gold > error:
            often.append(
                ((given - gold) / n, f"answers {name} in {_share(given / n)} where {_share(gold / n)} should be")
            )
        elif len(scores.classes) > 2 and given <= _HARDLY * gold and gold - given > error:
            seldom.append(
                ((gold - given) / n, f"hardly answers {name}: {_share(given / n)} where {_share(gold / n)} should be")
            )
    return max(often or seldom, default=None)


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
