"""Numbers about a reward: on completions that the task labels, within the groups of a rollout bank, and against constant answers.

Arrays of a bank have a row for each question and a column for each of its completions. GRPO sees a reward only within its group,
so no statistic here compares completions of different questions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rewardsearch.records import LabelledCompletion, OutcomeKind
from rewardsearch.stats import rank_correlation

Rewards = NDArray[np.float64]
Mask = NDArray[np.bool_]
KINDS: tuple[OutcomeKind, ...] = ("correct", "wrong", "unparsed")
_NOISE = 0.01
"""A lead of wrong over correct completions below this share of the spread comes from the lengths of their digits."""


def mean_by_kind(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> dict[OutcomeKind, float]:
    """The mean reward of each kind of completion that `items` holds."""
    groups = {kind: [r for item, r in zip(items, rewards, strict=True) if item.kind == kind] for kind in KINDS}
    return {kind: statistics.fmean(values) for kind, values in groups.items() if values}


def correct_above_wrong(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> float | None:
    """How much more correct completions are paid than wrong ones, on average over pairs; None where there are no pairs.

    Each wrong completion is compared with the correct one of the same row that is nearest in length, so that a reward
    for another thing than the answer (brevity, a form) is not judged by how the styles are spread over the two kinds.
    """
    correct: dict[str, list[tuple[int, int]]] = {}
    for index, item in enumerate(items):
        if item.kind == "correct":
            correct.setdefault(item.row.id, []).append((len(item.completion), index))
    differences = []
    for item, reward in zip(items, rewards, strict=True):
        if item.kind == "wrong":
            size = len(item.completion)
            matched = [(abs(length - size), index) for length, index in correct.get(item.row.id, ())]
            if matched:
                differences.append(rewards[min(matched)[1]] - reward)
    return statistics.fmean(differences) if differences else None


def ordering_violations(
    items: Sequence[LabelledCompletion],
    rewards: Sequence[float],
    margin: float,
    classes: tuple[str, ...] | None = None,
) -> Iterator[str]:
    """Whether wrong completions are paid more than correct ones of the same style: the first violation, in words.

    margin: how much more correct ones must be paid. classes: each of them is checked alone, since a reward that always pays the
    same answer would be even over both."""
    spread = max(rewards) - min(rewards)
    for name in classes or (None,):
        chosen = [index for index, item in enumerate(items) if name in (None, item.row.answer)]
        above = correct_above_wrong([items[i] for i in chosen], [rewards[i] for i in chosen])
        if above is not None and above < margin - _NOISE * spread:
            least = f"at least {margin:g} more" if margin > 0 else "no less"
            where = "" if name is None else f" where {name} is right"
            yield (
                f"pays a correct completion {above:+.4g} compared with a wrong one of the same style{where}; "
                f"it must pay {least}: compare what the completion says with `answer`"
            )
            return


def length_correlation(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> float:
    """Rank correlation (Spearman's) of reward with length in characters among completions of one kind, pooled over
    kinds; 0 where one of the two has no spread. Within kinds, since a correct completion is often a longer one."""
    lengths = np.asarray([[float(len(item.completion)) for item in items]])
    kinds = np.asarray([[KINDS.index(item.kind) for item in items]])
    return rank_correlation(lengths, np.asarray([rewards], dtype=float), kinds) or 0.0


@dataclass(frozen=True)
class Auc:
    """How often a correct completion is paid more than another of its question; `se` is its standard error."""

    value: float
    se: float

    def above(self, threshold: float, errors: float) -> bool:
        """Whether it is more than `errors` standard errors above `threshold`."""
        return self.value - errors * self.se > threshold

    def below(self, threshold: float, errors: float) -> bool:
        return self.value + errors * self.se < threshold


def auc(
    rewards: Rewards, correct: Mask, counted: Mask | None = None, weights: NDArray[np.float64] | None = None
) -> Auc | None:
    """P(reward of a correct completion > of an incorrect one of its question), ties half, over all such pairs.

    The standard error takes questions as drawn and is that of a ratio of sums over them (Cochran 1977, eq. 2.46).
    counted: the completions that count; all of them for None. weights: what a question counts for; the same for None. None
    where no question has such a pair.
    """
    counted = np.ones_like(correct) if counted is None else counted
    pairs = (correct & counted)[:, :, None] & (~correct & counted)[:, None, :]
    wins = (np.sign(rewards[:, :, None] - rewards[:, None, :]) + 1) / 2 * pairs
    weights = np.ones(len(correct)) if weights is None else weights
    won, number = wins.sum((1, 2)) * weights, pairs.sum((1, 2)) * weights
    groups, total = int((number > 0).sum()), float(number.sum())
    if groups == 0:
        return None
    value = float(won.sum()) / total
    residual = float(((won - value * number) ** 2).sum())
    return Auc(value, float(np.sqrt(residual * groups / max(groups - 1, 1))) / total)


def concordance(a: Rewards, b: Rewards) -> float | None:
    """Lin's concordance correlation (1989) of the deviations from the groups' means: 1 only where the two pay the same
    differences, not where one pays a multiple of the other. None where neither has spread."""
    x, y = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = float((x * x).sum() + (y * y).sum())
    return 2 * float((x * y).sum()) / scale if scale > 0 else None


def spread(values: Rewards) -> float:
    """The mean standard deviation within groups."""
    return float(values.std(axis=1).mean())


def zero_std(values: Rewards) -> Mask:
    """The groups whose completions are all paid the same."""
    return np.asarray(np.ptp(values, axis=1) == 0)


@dataclass(frozen=True)
class ConstantAnswer:
    """Class collapse, predicted on the bank: what the best constant answer earns, and what the policy's own answers earn.

    Only the decision is changed: everything else that the policy wrote stays. Numbers are mean total rewards per completion, over
    questions; completions without an answer are left out.

    se: the standard error of their difference. collapses: the policy's own answers are not clearly ahead.
    """

    answer: str
    other: str
    earned: float
    honest: float
    se: float
    collapses: bool

    @property
    def explanation(self) -> str:
        """One line for the proposer and the leaderboard."""
        earns = (
            f"always {self.answer} earns {self.earned:.2f} per completion, the policy's own answers {self.honest:.2f}"
        )
        if self.honest > self.earned:
            follows = f"no clear lead (± {self.se:.2f}), so a correct decision hardly pays"
        else:
            follows = f"the policy learns to answer {self.answer}"
        return f"{earns}: {follows}; make a wrong {self.other} cost less, or a right one pay more"


def best_constant(
    own: Rewards,
    constants: Mapping[str, Rewards],
    gold: NDArray[np.str_],
    predicted: NDArray[np.str_],
    min_questions: int,
    errors: float,
    weights: NDArray[np.float64] | None = None,
) -> ConstantAnswer | None:
    """The class that earns most when it is everyone's answer. None with fewer than `min_questions` questions with an answer.

    own: total rewards of the policy's completions, a row for each question. constants: by class, those of the same completions
    with that class as their decision. gold, predicted: classes in the same rows; "" where a completion has no answer.
    errors: standard errors that make a difference clear. weights: the weight of a question, the same for all of a class; None: 1.
    Where the policy is not clearly more often right than a constant answer, only a constant that earns clearly more collapses.
    """
    answered = predicted != ""
    counted = answered.any(axis=1)
    if int(counted.sum()) < min_questions:
        return None
    weights = np.ones(len(counted)) if weights is None else weights
    mean = partial(_mean, classes=gold[counted, 0], weights=weights[counted])
    honest = _questions(own, answered)
    earned = {name: _questions(rewards, answered) for name, rewards in constants.items()}
    answer = max(earned, key=lambda name: mean(earned[name])[0])
    difference, se = mean(earned[answer] - honest)
    right = _questions((predicted == gold).astype(float), answered)
    leads = (mean(right - _questions((gold == name).astype(float), answered)) for name in constants)
    judges = all(lead > errors * error for lead, error in leads)
    moved = any(bool(np.any(earned[name] - honest)) for name in earned)
    return ConstantAnswer(
        answer=answer,
        other=next(name for name in constants if name != answer) if len(constants) == 2 else "other answer",
        earned=mean(earned[answer])[0],
        honest=mean(honest)[0],
        se=se,
        collapses=moved and (difference > errors * se or (judges and difference >= -errors * se)),
    )


def _questions(values: Rewards, counted: Mask) -> Rewards:
    """The mean over the counted completions of each question that has any."""
    some = counted.any(axis=1)
    return np.asarray((values * counted).sum(axis=1)[some] / counted.sum(axis=1)[some])


def _mean(values: Rewards, *, classes: NDArray[np.str_], weights: NDArray[np.float64]) -> tuple[float, float]:
    """The weighted mean over questions and its standard error, stratified by their gold class (Cochran 1977, eq. 5.9): a question
    is drawn from those of its class, and what each class counts for is as it is. A class with one question adds none."""
    total = float(weights.sum())
    parts = [(weights * values)[classes == name] for name in np.unique(classes)]
    variance = sum(len(part) * float(part.var(ddof=1)) for part in parts if len(part) > 1)
    return float((weights * values).sum()) / total, math.sqrt(variance) / total
