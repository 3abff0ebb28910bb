"""What became of the questions of an arm, as counts and scores."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Outcome, Record

Arm = TypeVar("Arm", bound=Hashable)
"""The name of an arm: an id, or an id with a training seed."""


class Metrics(Record):
    """Counts and scores of one arm on `n` questions. `parse_rate` is the share of questions with an answer.

    precision: the share of answers that are right, TP / (TP + FP), 0 without answers. recall: TP / (TP + FN), FN being the
    questions without an answer, 0 where every question has a wrong answer.
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


def f1_accuracy(outcomes: Iterable[Outcome]) -> Metrics:
    """F1 and accuracy of numeric answers: TP = correct, FP = wrong, FN = unparsed; F1 = 2TP / (2TP + FP + FN).

    Every question is exactly one of the three, so F1 = 2a / (1 + a) with a the accuracy.
    Raises ValueError without outcomes.
    """
    kinds = [outcome.kind for outcome in outcomes]
    if not kinds:
        raise ValueError("no outcomes to score")
    tp, fp, fn = (kinds.count(kind) for kind in ("correct", "wrong", "unparsed"))
    return Metrics(
        n=len(kinds),
        correct=tp,
        wrong=fp,
        unparsed=fn,
        f1=2 * tp / (2 * tp + fp + fn),
        accuracy=tp / len(kinds),
        precision=tp / max(1, tp + fp),
        recall=tp / max(1, tp + fn),
        parse_rate=(tp + fp) / len(kinds),
    )


def correct_by_id(outcomes: Iterable[Outcome]) -> dict[str, bool]:
    """Whether each question was answered correctly, by id. Raises ValueError when an id comes twice."""
    found: dict[str, bool] = {}
    for count, outcome in enumerate(outcomes, start=1):
        found[outcome.id] = outcome.kind == "correct"
        if len(found) != count:
            raise ValueError(f"question {outcome.id} has two outcomes")
    return found


def right_table(arms: Mapping[Arm, Iterable[Outcome]]) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """The ids of the questions, sorted, and who answered them right: 1 or 0, (questions x arms) in the order of the arms.

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
