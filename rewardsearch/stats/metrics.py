"""Counts and scores of one arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Outcome, OutcomeKind, Record

Arm = TypeVar("Arm", bound=Hashable)
"""The name of an arm: an id, or an id with a training seed."""


class Metrics(Record):
    """Counts and scores of one arm on `n` questions. `correct`, `wrong` and `unparsed` count kinds; `parse_rate` is the share of
    questions with an answer.

    Free answers: precision is TP / (TP + FP), the share of correct answers, 0 without answers; recall is TP / (TP + FN), where FN
    are the questions without an answer, 0 where every answer is wrong. On a task with classes precision, recall and F1 are those
    of the positive class, or without one the means over the classes. macro_f1 is the mean of the classes' F1; without classes it
    is None.
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

    Every question is one of the three, so F1 = 2a / (1 + a) with the accuracy a. On a task with classes TP of a class are its
    questions answered correctly, FN its other questions, and FP the other questions that are given it (`class_given`). A share
    with denominator 0 is 0.
    Raises ValueError without outcomes, or when some have a class and others do not.
    """
    found = list(outcomes)
    if not found:
        raise ValueError("no outcomes to score")
    kinds: Counter[OutcomeKind] = Counter(outcome.kind for outcome in found)
    correct, wrong, unparsed = (kinds[kind] for kind in ("correct", "wrong", "unparsed"))
    task, macro = task_classes(found), None
    counts = [(correct, wrong, unparsed)] if task is None else _class_counts(found, task.names)
    f1s = [2 * tp / max(1, 2 * tp + fp + fn) for tp, fp, fn in counts]
    if task is not None:
        macro = sum(f1s) / len(f1s)
    if task is not None and task.positive is None:
        f1, precision, recall = (
            sum(scores) / len(counts)
            for scores in (
                f1s,
                [tp / max(1, tp + fp) for tp, fp, _ in counts],
                [tp / max(1, tp + fn) for tp, _, fn in counts],
            )
        )
    else:
        (tp, fp, fn), f1 = counts[0], f1s[0]
        precision, recall = tp / max(1, tp + fp), tp / max(1, tp + fn)
    return Metrics(
        n=len(found),
        correct=correct,
        wrong=wrong,
        unparsed=unparsed,
        f1=f1,
        accuracy=correct / len(found),
        precision=precision,
        recall=recall,
        parse_rate=(correct + wrong) / len(found),
        macro_f1=macro,
    )


class TaskClasses(NamedTuple):
    """The names of a task's classes, and the one whose F1 ranks, which is the first; None where macro F1 does."""

    names: tuple[str, ...]
    positive: str | None


def task_classes(outcomes: Iterable[Outcome]) -> TaskClasses | None:
    """The classes of the task that outcomes are of; None where answers are free.

    Raises ValueError for outcomes of several tasks."""
    found = {(outcome.classes, outcome.positive is not None) for outcome in outcomes}
    if len(found) > 1:
        raise ValueError("outcomes are of tasks with different classes; score one task at a time")
    names, positive = next(iter(found), (None, False))
    return None if names is None else TaskClasses(names, names[0] if positive else None)


def class_given(outcome: Outcome, classes: Sequence[str]) -> str | None:
    """The class that a completion counts as an answer of. An unparsed one is a wrong answer: with two classes it counts as the
    other one, with more as none."""
    if outcome.kind == "unparsed":
        return next(name for name in classes if name != outcome.gold) if len(classes) == 2 else None
    return outcome.prediction


def _class_counts(outcomes: Sequence[Outcome], classes: Sequence[str]) -> list[tuple[int, int, int]]:
    """TP, FP and FN of each class."""
    counts = Counter((outcome.gold, class_given(outcome, classes)) for outcome in outcomes)
    of, given = Counter[str](), Counter[str | None]()
    for (gold, answer), count in counts.items():
        of[gold] += count
        given[answer] += count
    right = {name: counts[name, name] for name in classes}
    return [(right[name], given[name] - right[name], of[name] - right[name]) for name in classes]


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
