"""Scores of tasks with two classes, from the number of correctly answered questions of each class.

An unparsed completion counts as the wrong class, so the correct answers give every score. For a class, TP are its questions
answered correctly, FN its other questions, and FP the questions of the other class not answered correctly. A share with
denominator 0 is 0, as with scikit-learn's `zero_division=0`, also in a resample without a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardsearch.records import ClassEstimate, ClassRow, ClassScores, Outcome
from rewardsearch.stats.metrics import Arm, positives_of
from rewardsearch.stats.samples import Floats, Metric, Sample, percentiles

UNPARSED = "unparsed"
"""The column of a confusion matrix for completions without an answer."""


@dataclass(frozen=True)
class Gold:
    """Whether each question is of the positive class: 1 or 0, (questions,); and the names of the classes, the positive one
    first."""

    positive: npt.NDArray[np.float32]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class ClassRates:
    """Precision TP / (TP + FP), recall TP / (TP + FN), and F1 = 2TP / (2TP + FP + FN) of both classes: (2, arms, ...)."""

    precision: Floats
    recall: Floats
    f1: Floats


def gold_of(arms: Mapping[Arm, Sequence[Outcome]], ids: Sequence[str]) -> Gold | None:
    """The gold classes of the questions `ids`, which every arm answered; None for a task without classes.

    A class without questions gets its name from the answers, or is named "not" and the other class. Raises ValueError when some
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


@dataclass(frozen=True)
class ClassCounts:
    """Correct answers by class, as observed or in every resample: (2, arms, ...), and questions of each class: (2, 1, ...)."""

    right: Floats
    of: Floats

    @staticmethod
    def columns(table: npt.NDArray[np.float32], gold: Gold) -> npt.NDArray[np.float32]:
        """Columns to sum over questions, (questions x (2 arms + 1)), from the table of correct answers, (questions x arms)."""
        positive = gold.positive[:, None]
        return np.hstack([table * positive, table * (1 - positive), positive])

    @staticmethod
    def of_totals(totals: Floats, questions: int) -> ClassCounts:
        """The counts from the sums of these columns: ((2 arms + 1), ...)."""
        positives = totals[-1]
        right = totals[:-1].reshape(2, -1, *positives.shape)
        return ClassCounts(right, of=np.stack([positives, questions - positives])[:, None])

    def rates(self, arms: Sequence[int]) -> ClassRates:
        """The rates of some arms. A share with denominator 0 is 0."""
        right = self.right[:, list(arms)]
        # What is missed of one class is taken for the other.
        taken = (self.of - right)[::-1]
        # Counts are integers: a denominator below 1 is 0, and so is its numerator.
        return ClassRates(
            precision=right / np.maximum(right + taken, 1),
            recall=right / np.maximum(self.of, 1),
            f1=2 * right / np.maximum(self.of + right + taken, 1),
        )

    def accuracy(self, arms: Sequence[int]) -> Floats:
        """The share of correct answers: (arms, ...)."""
        return np.asarray(self.right[:, list(arms)].sum(axis=0) / self.of.sum(axis=0))


def class_sample(observed: ClassCounts, drawn: ClassCounts, arms: Sequence[int], confidence: float) -> Sample:
    """The mean over arms of the positive class's F1, accuracy and macro F1."""

    def means(counts: ClassCounts) -> dict[Metric, Any]:
        f1 = counts.rates(arms).f1
        macro_f1 = f1.sum(axis=0).mean(axis=0) / 2
        return {"f1": f1[0].mean(axis=0), "accuracy": counts.accuracy(arms).mean(axis=0), "macro_f1": macro_f1}

    return Sample(
        observed={metric: float(value) for metric, value in means(observed).items()},
        drawn=means(drawn),
        confidence=confidence,
    )


def scores_of(
    observed: ClassCounts,
    drawn: ClassCounts,
    arms: Sequence[int],
    classes: tuple[str, ...],
    confusion: dict[str, dict[str, float]],
    confidence: float,
) -> ClassScores:
    """The mean over arms of every score of each class, with percentile intervals."""

    def estimate(value: Floats, resampled: Floats) -> ClassEstimate:
        return ClassEstimate(value=float(value.mean()), ci=percentiles(resampled.mean(axis=0), confidence))

    seen, resampled = observed.rates(arms), drawn.rates(arms)
    rows = {
        name: ClassRow(
            precision=estimate(seen.precision[place], resampled.precision[place]),
            recall=estimate(seen.recall[place], resampled.recall[place]),
            f1=estimate(seen.f1[place], resampled.f1[place]),
        )
        for place, name in enumerate(classes)
    }
    macro = estimate(seen.f1.sum(axis=0) / 2, resampled.f1.sum(axis=0) / 2)
    return ClassScores(classes=rows, macro_f1=macro, confusion=confusion)


def confusion_of(arms: Sequence[Iterable[Outcome]], classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The number of questions by gold class and answer (a class or UNPARSED), the mean over arms."""
    counts = Counter((outcome.positive, outcome.kind) for outcomes in arms for outcome in outcomes)
    matrix, (first, second) = {}, classes
    for gold, other, positive in ((first, second, True), (second, first, False)):
        kinds = {
            gold: counts[positive, "correct"],
            other: counts[positive, "wrong"],
            UNPARSED: counts[positive, "unparsed"],
        }
        matrix[gold] = {answer: kinds[answer] / len(arms) for answer in (*classes, UNPARSED)}
    return matrix


def _names(arms: Iterable[Iterable[Outcome]], positive: bool) -> set[str]:
    """The names of a class in its gold answers and in wrong answers to questions of the other class."""
    found: set[str] = set()
    for outcomes in arms:
        for outcome in outcomes:
            if outcome.positive is positive:
                found.add(outcome.gold)
            elif outcome.kind == "wrong" and outcome.prediction is not None:
                found.add(outcome.prediction)
    return found
