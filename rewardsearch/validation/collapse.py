"""Class collapse, foreseen on the bank: whether one answer for everyone would earn as much as the policy's own judging.

Only the decision is changed: what the policy wrote around it stays, so that everything else is paid alike. Totals are compared,
as they are before a trainer scales them within groups. Completions without an answer are left out: they are no judging.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rewardsearch.validation.groups import Marks, Rewards

_SOLUTION = re.compile(r"(<solution>\s*)(.*?)(\s*</solution>)", re.DOTALL)


def decided(completion: str, answer: str) -> str:
    """`completion` with `answer` in its first closed solution tag; as it is where there is none."""
    return _SOLUTION.sub(lambda tag: f"{tag[1]}{answer}{tag[3]}", completion, count=1)


@dataclass(frozen=True)
class Constant:
    """What the best constant answer earns beside the policy's own judging: mean totals a completion, over questions.

    se: the standard error of their difference. collapses: judging is not clearly ahead.
    """

    answer: str
    other: str
    earned: float
    honest: float
    se: float
    collapses: bool

    @property
    def told(self) -> str:
        """One line for the proposer and the leaderboard."""
        earns = f"always {self.answer} earns {self.earned:.2f} a completion, the policy's own judging {self.honest:.2f}"
        if self.honest > self.earned:
            follows = f"no clear lead (± {self.se:.2f}), so judging is hardly paid for"
        else:
            follows = f"the policy is taught to answer {self.answer}"
        return f"{earns}: {follows}; make a wrong {self.other} cost less, or a right one pay more"


def best_constant(
    own: Rewards,
    constants: Mapping[str, Rewards],
    gold: NDArray[np.str_],
    predicted: NDArray[np.str_],
    fewest: int,
    errors: float,
    weights: NDArray[np.float64] | None = None,
) -> Constant | None:
    """The class that earns most when it is everyone's answer. None without `fewest` questions with an answer.

    own: total rewards of the policy's completions, a line a question. constants: by class, those of the same completions with
    that class as their decision. gold, predicted: in the same lines, classes; "" where a completion has no answer.
    errors: standard errors that make a difference clear. weights: what a question counts for, the same for all of a class; 1
    for None. Where the policy's answers are not clearly more often right than
    one answer for everyone, there is no judging to be paid for: then only a constant that earns clearly more collapses.
    """
    answered = predicted != ""
    counted = answered.any(axis=1)
    if int(counted.sum()) < fewest:
        return None
    weights = np.ones(len(counted)) if weights is None else weights
    mean = partial(_mean, classes=gold[counted, 0], weights=weights[counted])
    judged = _questions(own, answered)
    earned = {name: _questions(rewards, answered) for name, rewards in constants.items()}
    answer = max(earned, key=lambda name: mean(earned[name])[0])
    difference, se = mean(earned[answer] - judged)
    right = _questions((predicted == gold).astype(float), answered)
    leads = (mean(right - _questions((gold == name).astype(float), answered)) for name in constants)
    judges = all(lead > errors * error for lead, error in leads)
    moved = any(bool(np.any(earned[name] - judged)) for name in earned)
    return Constant(
        answer=answer,
        other=next(name for name in constants if name != answer),
        earned=mean(earned[answer])[0],
        honest=mean(judged)[0],
        se=se,
        collapses=moved and (difference > errors * se or (judges and difference >= -errors * se)),
    )


def _questions(values: Rewards, counted: Marks) -> Rewards:
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
