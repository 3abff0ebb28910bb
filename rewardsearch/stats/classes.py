"""Scores of tasks with two classes, from how many questions of each class were answered right.

An unparsed completion counts as the wrong class, so that the right answers alone give every score: of a class, TP are its
questions answered right, FN its others, and FP the other class's questions not answered right. Where a share has no
denominator (a class without questions, or one that nobody is given) it is 0, as scikit-learn's `zero_division=0` has it; so it is
in a resample that happens to be without a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewardsearch.records import ClassEstimate, ClassRow, ClassScores, Outcome
from rewardsearch.stats.metrics import Arm, positives_of
from rewardsearch.stats.samples import Floats, Sample, percentiles

UNPARSED = "unparsed"
"""The column of a confusion matrix for completions without an answer."""


@dataclass(frozen=True)
class Gold:
    """Which questions are of the positive class: 1 or 0, (questions,); and the classes' names, the positive one first."""

    positive: npt.NDArray[np.float32]
    classes: tuple[str, str]


@dataclass(frozen=True)
class ClassRates:
    """Precision TP / (TP + FP), recall TP / (TP + FN), and F1 = 2TP / (2TP + FP + FN) of one class; arrays of one shape."""

    precision: Floats
    recall: Floats
    f1: Floats


def gold_of(arms: Mapping[Arm, Sequence[Outcome]], ids: Sequence[str]) -> Gold | None:
    """The gold classes of the questions `ids`, which every arm answered; None for a task without classes.

    A class that no question has is named by the answers of it, or as "not" the other one. Raises ValueError when some
    outcomes have a class and others do not, the arms differ in a question's class, or a class has two names or is "unparsed".
    """
    by_arm = {arm: positives_of(outcomes) for arm, outcomes in arms.items()}
    if all(positive is None for positive in by_arm.values()):
        return None
    first = next(iter(by_arm.values()))
    for arm, positive in by_arm.items():
        if positive is None or positive != first:
            raise ValueError(f"arm {arm} has other gold classes than the first; arms must answer the same questions")
    names = [_names(arms.values(), positive) for positive in (True, False)]
    if any(len(found) > 1 or UNPARSED in found for found in names):
        raise ValueError(f"two classes have a name each, other than {UNPARSED!r}; got {sorted(map(sorted, names))}")
    yes, no = (next(iter(found), None) for found in names)
    gold = first or {}
    return Gold(
        positive=np.array([gold[id] for id in ids], dtype=np.float32),
        classes=(yes or f"not {no}", no or f"not {yes}"),
    )


def class_rates(right: tuple[Floats, Floats], of: tuple[Floats, Floats]) -> tuple[ClassRates, ClassRates]:
    """The rates of both classes, in their order. right: questions of each that were answered right; of: its questions.

    Counts of any shapes that broadcast. A share without a denominator is 0.
    """

    def rates(right: Floats, of: Floats, taken: Floats) -> ClassRates:
        # Counts are whole: a denominator below 1 is 0, and so is what stands above it.
        return ClassRates(
            precision=right / np.maximum(right + taken, 1),
            recall=right / np.maximum(of, 1),
            f1=2 * right / np.maximum(of + right + taken, 1),
        )

    missed = (of[0] - right[0], of[1] - right[1])
    return rates(right[0], of[0], missed[1]), rates(right[1], of[1], missed[0])


@dataclass(frozen=True)
class ClassCounts:
    """Right answers of arms by class, as observed or in every resample: (arms, ...), and the questions of each class: (...)."""

    right: tuple[Floats, Floats]
    of: tuple[Floats, Floats]

    @staticmethod
    def columns(table: npt.NDArray[np.float32], gold: Gold) -> npt.NDArray[np.float32]:
        """What is to be summed over questions: (questions x (2 arms + 1)), from who is right, (questions x arms)."""
        positive = gold.positive[:, None]
        return np.hstack([table * positive, table * (1 - positive), positive])

    @staticmethod
    def of_totals(totals: Floats, questions: int) -> ClassCounts:
        """From the sums of those columns: ((2 arms + 1), ...)."""
        arms = len(totals) // 2
        positives = totals[-1]
        return ClassCounts(right=(totals[:arms], totals[arms:-1]), of=(positives, questions - positives))

    def rates(self, arms: Sequence[int]) -> tuple[ClassRates, ClassRates]:
        """The rates of both classes for some arms: (arms, ...)."""
        index = list(arms)
        return class_rates((self.right[0][index], self.right[1][index]), self.of)

    def accuracy(self, arms: Sequence[int]) -> Floats:
        """The share of right answers: (arms, ...)."""
        index = list(arms)
        return (self.right[0][index] + self.right[1][index]) / (self.of[0] + self.of[1])


def class_sample(observed: ClassCounts, drawn: ClassCounts, arms: Sequence[int], confidence: float) -> Sample:
    """The mean over arms of the positive class's F1, accuracy and macro F1."""
    (yes, no), (yes_drawn, no_drawn) = observed.rates(arms), drawn.rates(arms)
    return Sample(
        f1=float(yes.f1.mean()),
        accuracy=float(observed.accuracy(arms).mean()),
        f1_drawn=yes_drawn.f1.mean(axis=0),
        accuracy_drawn=drawn.accuracy(arms).mean(axis=0),
        confidence=confidence,
        macro_f1=float((yes.f1 + no.f1).mean() / 2),
        macro_f1_drawn=(yes_drawn.f1 + no_drawn.f1).mean(axis=0) / 2,
    )


def scores_of(
    observed: ClassCounts,
    drawn: ClassCounts,
    arms: Sequence[int],
    classes: tuple[str, str],
    confusion: dict[str, dict[str, float]],
    confidence: float,
) -> ClassScores:
    """The mean over arms of every score of each class, with percentile intervals."""

    def estimate(value: Floats, resampled: Floats) -> ClassEstimate:
        return ClassEstimate(value=float(value.mean()), ci=percentiles(resampled.mean(axis=0), confidence))

    rates = list(zip(classes, observed.rates(arms), drawn.rates(arms), strict=True))
    rows = {
        name: ClassRow(
            precision=estimate(seen.precision, resampled.precision),
            recall=estimate(seen.recall, resampled.recall),
            f1=estimate(seen.f1, resampled.f1),
        )
        for name, seen, resampled in rates
    }
    (_, yes, yes_drawn), (_, no, no_drawn) = rates
    macro = estimate((yes.f1 + no.f1) / 2, (yes_drawn.f1 + no_drawn.f1) / 2)
    return ClassScores(classes=rows, macro_f1=macro, confusion=confusion)


def confusion_of(arms: Sequence[Iterable[Outcome]], classes: tuple[str, str]) -> dict[str, dict[str, float]]:
    """By gold class and by what was answered, a class or UNPARSED: the number of questions, its mean over arms."""
    counts = Counter((outcome.positive, outcome.kind) for outcomes in arms for outcome in outcomes)
    matrix = {}
    for gold, other, positive in ((*classes, True), (*classes[::-1], False)):
        kinds = {
            gold: counts[positive, "correct"],
            other: counts[positive, "wrong"],
            UNPARSED: counts[positive, "unparsed"],
        }
        matrix[gold] = {answer: kinds[answer] / len(arms) for answer in (*classes, UNPARSED)}
    return matrix


def _names(arms: Iterable[Iterable[Outcome]], positive: bool) -> set[str]:
    """What a class is called by its gold answers and by the wrong answers to the other class's questions."""
    found: set[str] = set()
    for outcomes in arms:
        for outcome in outcomes:
            if outcome.positive is positive:
                found.add(outcome.gold)
            elif outcome.kind == "wrong" and outcome.prediction is not None:
                found.add(outcome.prediction)
    return found
