"""Statistics of rewards within groups: arrays have a line for each question and a column for each of its completions.

GRPO sees a reward only within its group, so nothing here compares completions of different questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rewards = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Auc:
    """How often a correct completion is paid more than another of its question; `se` is its standard error."""

    value: float
    se: float

    def above(self, least: float, errors: float) -> bool:
        """Whether it is more than `errors` standard errors above `least`."""
        return self.value - errors * self.se > least

    def below(self, most: float, errors: float) -> bool:
        return self.value + errors * self.se < most


def auc(
    rewards: Rewards, correct: Marks, counted: Marks | None = None, weights: NDArray[np.float64] | None = None
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


def dead(values: Rewards) -> Marks:
    """The groups whose completions are all paid the same."""
    return np.asarray(np.ptp(values, axis=1) == 0)
