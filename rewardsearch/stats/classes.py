"""Scores of tasks with classes, from numbers of questions: of each class, answered correctly, and given each class.

`class_given` says what a completion counts as. For a class, TP are its questions answered correctly, FN its other questions, and
FP the other questions that are given it. A share with denominator 0 is 0, as with scikit-learn's `zero_division=0`, also in a
resample without a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardsearch.records import UNPARSED, ClassRow, ClassScores, Outcome, ScoreEstimate
from rewardsearch.stats.metrics import Arm, TaskClasses, class_given, task_classes
from rewardsearch.stats.samples import Floats, Metric, Sample, percentiles


@dataclass(frozen=True)
class ClassTable:
    """What a class task's scores are sums of. table: 1 or 0 for each question, (questions, columns): for each class whether it is
    the question's, then for each arm and class whether the question is of the class and answered correctly, then whether it is
    given the class."""

    task: TaskClasses
    table: npt.NDArray[np.float32]

    def counts(self, totals: npt.NDArray[Any], arms: Sequence[int]) -> ClassCounts:
        """The counts of some arms, from sums of the columns: (columns, ...)."""
        k = len(self.task.names)
        of, each = totals[:k], totals[k:].reshape(-1, 2, k, *totals.shape[1:])[list(arms)].astype(np.float64)
        right, given = (np.moveaxis(each[:, part], 1, 0) for part in (0, 1))
        return ClassCounts(right, given, of.astype(np.float64)[:, None])


def class_table(arms: Mapping[Arm, Sequence[Outcome]], ids: Sequence[str]) -> ClassTable | None:
    """The table of the questions `ids`, which every arm answered; None for a task without classes.

    Raises ValueError when the arms are of tasks with different classes, or differ in a question's gold class.
    """
    first, *others = (task_classes(outcomes) for outcomes in arms.values())
    if any(other != first for other in others):
        raise ValueError("the arms are of tasks with different classes; compare arms of one task")
    if first is None:
        return None
    place = {name: number for number, name in enumerate(first.names)}
    row = {id: number for number, id in enumerate(ids)}
    k, gold = len(place), np.full(len(ids), -1)
    table = np.zeros((len(ids), k + 2 * k * len(arms)), dtype=np.float32)
    for number, (arm, outcomes) in enumerate(arms.items()):
        golds = np.full(len(ids), -1)
        right, given = k + 2 * k * number, 2 * k + 2 * k * number
        for outcome in outcomes:
            at, of, answer = row[outcome.id], place[outcome.gold], class_given(outcome, first.names)
            golds[at] = of
            if answer is not None:
                table[at, given + place[answer]] = 1
                table[at, right + of] = answer == outcome.gold
        if number and not np.array_equal(golds, gold):
            raise ValueError(f"arm {arm} has other gold classes than the first; arms must answer the same questions")
        gold = golds
    table[np.arange(len(ids)), gold] = 1
    return ClassTable(first, table)


@dataclass(frozen=True)
class ClassRates:
    """Precision TP / (TP + FP), recall TP / (TP + FN), and F1 = 2TP / (2TP + FP + FN) of the classes: (classes, arms, ...)."""

    precision: Floats
    recall: Floats
    f1: Floats

    @property
    def macro_f1(self) -> Floats:
        """The mean of the classes' F1: (arms, ...)."""
        return np.asarray(self.f1.sum(axis=0) / len(self.f1))


@dataclass(frozen=True)
class ClassCounts:
    """Questions as observed or in every resample: answered correctly and given, by class, (classes, arms, ...), and of each
    class, (classes, 1, ...)."""

    right: Floats
    given: Floats
    of: Floats

    @property
    def rates(self) -> ClassRates:
        # Counts are integers: a denominator below 1 is 0, and so is its numerator.
        return ClassRates(
            precision=self.right / np.maximum(self.given, 1),
            recall=self.right / np.maximum(self.of, 1),
            f1=2 * self.right / np.maximum(self.of + self.given, 1),
        )

    @property
    def accuracy(self) -> Floats:
        """The share of correct answers: (arms, ...)."""
        return np.asarray(self.right.sum(axis=0) / self.of.sum(axis=0))


def class_sample(observed: ClassCounts, drawn: ClassCounts, task: TaskClasses, confidence: float) -> Sample:
    """The mean over arms of F1 (the positive class's, else macro F1), accuracy and macro F1."""

    def means(counts: ClassCounts) -> dict[Metric, Any]:
        rates = counts.rates
        macro_f1 = rates.macro_f1.mean(axis=0)
        f1 = macro_f1 if task.positive is None else rates.f1[0].mean(axis=0)
        return {"f1": f1, "accuracy": counts.accuracy.mean(axis=0), "macro_f1": macro_f1}

    return Sample(
        observed={metric: float(value) for metric, value in means(observed).items()},
        drawn=means(drawn),
        confidence=confidence,
    )


def scores_of(
    observed: ClassCounts,
    drawn: ClassCounts,
    task: TaskClasses,
    confusion: dict[str, dict[str, float]],
    confidence: float,
) -> ClassScores:
    """The mean over arms of every score of each class, with percentile intervals."""

    def estimate(value: Floats, resampled: Floats) -> ScoreEstimate:
        return ScoreEstimate(value=float(value.mean()), ci=percentiles(resampled.mean(axis=0), confidence))

    seen, resampled = observed.rates, drawn.rates
    rows = {
        name: ClassRow(
            precision=estimate(seen.precision[place], resampled.precision[place]),
            recall=estimate(seen.recall[place], resampled.recall[place]),
            f1=estimate(seen.f1[place], resampled.f1[place]),
        )
        for place, name in enumerate(task.names)
    }
    macro = estimate(seen.macro_f1, resampled.macro_f1)
    return ClassScores(classes=rows, macro_f1=macro, confusion=confusion, positive=task.positive)


def confusion_of(arms: Sequence[Iterable[Outcome]], classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """The number of questions by gold class and answer (a class or UNPARSED), the mean over arms."""
    counts = Counter(
        (outcome.gold, UNPARSED if outcome.kind == "unparsed" else outcome.prediction)
        for outcomes in arms
        for outcome in outcomes
    )
    return {gold: {answer: counts[gold, answer] / len(arms) for answer in (*classes, UNPARSED)} for gold in classes}
