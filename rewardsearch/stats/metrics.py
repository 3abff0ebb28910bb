"""Counts and scores of one arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Outcome, OutcomeKind, Record

Arm = TypeVar("Arm", bound=Hashable)
"""The name of an arm: an id, or an id with a training seed."""

MIXED = "some outcomes are of a task with classes and others are not; score one task at a time"


class Metrics(Record):
    """Counts and scores of one arm on `n` questions. `correct`, `wrong` and `unparsed` count kinds; `parse_rate` is the share of
    questions with an answer.

    Free answers: precision is TP / (TP + FP), the share of correct answers, 0 without answers; recall is TP / (TP + FN), where FN
    are the questions without an answer, 0 where every answer is wrong. On a task with classes precision, recall and F1 are those
    of the positive class, and macro_f1 is the mean of both classes' F1; without classes it is None.
    """

    n: int
    correct: int
    wrong: int
    unparsed: int
    f1: float
    accuracy: float
    precision: float
    recall: float
    parse_rate: float
    macro_f1: float | None = None


def f1_accuracy(outcomes: Iterable[Outcome]) -> Metrics:
    """F1 and accuracy of free answers: TP = correct, FP = wrong, FN = unparsed; F1 = 2TP / (2TP + FP + FN).

    Every question is one of the three, so F1 = 2a / (1 + a) with the accuracy a. On a task with classes: TP = correct and
    positive, FN = not correct and positive, FP = not correct and negative; an unparsed completion counts as the wrong class. A
    share with denominator 0 is 0.
    Raises ValueError without outcomes, or when some have a class and others do not.
    """
    counts: Counter[tuple[OutcomeKind, bool | None]] = Counter()
    for outcome in outcomes:
        counts[outcome.kind, outcome.positive] += 1
    n = counts.total()
    if not n:
        raise ValueError("no outcomes to score")
    sides = {positive for _, positive in counts}
    if None in sides and len(sides) > 1:
        raise ValueError(MIXED)
    correct, wrong, unparsed = (sum(counts[kind, side] for side in sides) for kind in ("correct", "wrong", "unparsed"))
    if None in sides:
        macro, tp, fp, fn = None, correct, wrong, unparsed
    else:
        tp, tn = counts["correct", True], counts["correct", False]
        fn, fp = (sum(counts[kind, side] for kind in ("wrong", "unparsed")) for side in (True, False))
        macro = (_f1(tp, fp, fn) + _f1(tn, fn, fp)) / 2
    return Metrics(
        n=n,
        correct=correct,
        wrong=wrong,
        unparsed=unparsed,
        f1=_f1(tp, fp, fn),
        accuracy=correct / n,
        precision=tp / max(1, tp + fp),
        recall=tp / max(1, tp + fn),
        parse_rate=(correct + wrong) / n,
        macro_f1=macro,
    )


def positives_of(outcomes: Iterable[Outcome]) -> dict[str, bool] | None:
    """Whether each question's gold is the positive class, by id; None for a task without classes.

    Raises ValueError when some outcomes have a class and others do not.
    """
    found = {outcome.id: outcome.positive for outcome in outcomes}
    classed = {id: positive for id, positive in found.items() if positive is not None}
    if classed and len(classed) < len(found):
        raise ValueError(MIXED)
    return classed or None


def correct_by_id(outcomes: Iterable[Outcome]) -> dict[str, bool]:
    """Whether each question was answered correctly, by id. Raises ValueError when an id comes twice."""
    found: dict[str, bool] = {}
    for count, outcome in enumerate(outcomes, start=1):
        found[outcome.id] = outcome.kind == "correct"
        if len(found) != count:
            raise ValueError(f"question {outcome.id} has two outcomes")
    return found


def right_table(arms: Mapping[Arm, Iterable[Outcome]]) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """The ids of the questions, sorted, and whether each arm answered them correctly: 1 or 0, (questions x arms).

    Raises ValueError when there is no arm, no question, a question twice, or the arms answered different questions.
    """
    answered = {arm: correct_by_id(outcomes) for arm, outcomes in arms.items()}
    ids = tuple(sorted(set().union(*answered.values())))
    for arm, right in answered.items():
        if len(right) != len(ids):
            raise ValueError(f"arm {arm} answered {len(right)} of {len(ids)} questions; arms must answer the same ones")
    if not ids:
        raise ValueError("no outcomes to compare")
    table = np.empty((len(ids), len(answered)), dtype=np.float32)
    for column, right in enumerate(answered.values()):
        table[:, column] = [right[id] for id in ids]
    return ids, table


def _f1(tp: int, fp: int, fn: int) -> float:
    return 2 * tp / max(1, 2 * tp + fp + fn)
