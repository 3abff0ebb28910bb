"""The paired bootstrap over questions: intervals and standard errors of scores, of means over seeds, and of differences.

Intervals cover the uncertainty from the questions alone, given the trained models; `noise` adds what another training seed would
have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic

import numpy as np
import numpy.typing as npt

from rewardsearch.records import ClassScores, Outcome
from rewardsearch.stats.classes import ClassCounts, class_sample, confusion_of, gold_of, scores_of
from rewardsearch.stats.metrics import Arm, right_table
from rewardsearch.stats.noise import SeedNoise, seed_noise
from rewardsearch.stats.samples import Estimate, Floats, Sample

_CHUNK = 1_000_000


class Bootstrap(Generic[Arm]):
    """Percentile bootstrap over questions of arms that answered the same questions (Efron and Tibshirani 1993, ch. 13).

    arms: outcomes by arm, which has any name: an id, or (id, seed) for a reward that was trained with several seeds.
    resamples: how often all n questions are drawn anew with replacement. seed: fixes the draws, which are the same for every
    arm, any set of arms and any order of the outcomes. confidence: of the intervals.

    On a task with classes (`Outcome.positive`) F1 is the positive class's. A resample without a class has 0 for that class's
    precision, recall and F1 (as `classes` says); the resamples are not stratified, so that the share of each class varies as it
    does when questions are drawn. An arm that is right everywhere, or nowhere, has an interval without width; so has a
    precision or a recall of 1 or 0.
    Raises ValueError when there is no arm, no question, or the arms answered different questions or have other gold classes.
    """

    def __init__(
        self, arms: Mapping[Arm, Sequence[Outcome]], *, resamples: int, seed: int, confidence: float = 0.95
    ) -> None:
        ids, table = right_table(arms)
        self._n = len(ids)
        self._confidence = confidence
        self._arms = arms
        self._column = {arm: column for column, arm in enumerate(arms)}
        self._gold = gold_of(arms, ids)
        if self._gold is not None:
            table = ClassCounts.columns(table, self._gold)
        # One contiguous row an arm, so that an arm's quantiles do not stride over all the others.
        self._drawn = np.ascontiguousarray(resampled_totals(table, resamples, seed).T)
        self._correct = table.sum(axis=0, dtype=np.float64)

    def sample(self, *seeds: Arm) -> Sample:
        """The mean over arms, such as one reward's training seeds, that weigh alike: the mean of each one's F1.

        For one arm that is its own F1. The F1 of the mean accuracy would be above it, F1 being concave in accuracy.
        Raises ValueError without arms, KeyError for an arm that is not there.
        """
        columns = self._columns(seeds)
        if self._gold is not None:
            return class_sample(*self._counts, columns, self._confidence)
        correct, drawn = self._correct[columns], self._drawn[columns]
        return Sample(
            f1=float(self._f1(correct).mean()),
            accuracy=float((correct / self._n).mean()),
            f1_drawn=self._f1(drawn).mean(axis=0),
            accuracy_drawn=(drawn / self._n).mean(axis=0),
            confidence=self._confidence,
        )

    def class_scores(self, *seeds: Arm) -> ClassScores | None:
        """Precision, recall and F1 of each class, macro F1 and the confusion matrix, each the mean over arms as in `sample`;
        None for a task without classes.

        Raises ValueError without arms, KeyError for an arm that is not there.
        """
        columns = self._columns(seeds)
        if self._gold is None:
            return None
        confusion = confusion_of([self._arms[arm] for arm in seeds], self._gold.classes)
        return scores_of(*self._counts, columns, self._gold.classes, confusion, self._confidence)

    def estimate(self, arm: Arm) -> Estimate:
        """F1 and accuracy of an arm with their intervals."""
        return self.sample(arm).estimate

    def difference(self, a: Arm, b: Arm) -> Estimate:
        """F1 and accuracy of arm `a` less those of arm `b`, with paired intervals."""
        return (self.sample(a) - self.sample(b)).estimate

    def estimate_mean(self, seeds: Sequence[Arm]) -> Estimate:
        """The mean F1 and accuracy of arms that weigh alike, such as the seeds of one reward, with their intervals."""
        return self.sample(*seeds).estimate

    def difference_of_means(self, a: Sequence[Arm], b: Sequence[Arm]) -> Estimate:
        """The mean of arms `a` less that of arms `b`, with paired intervals; the two may differ in number."""
        return (self.sample(*a) - self.sample(*b)).estimate

    def seed_noise(self, *seeds: Arm, macro: bool = False) -> SeedNoise | None:
        """The noise between the training seeds of one reward, in F1 or with `macro` in macro F1; None for fewer than two.

        Raises KeyError for an arm that is not there, ValueError for macro F1 of a task without classes.
        """
        samples = [self.sample(seed) for seed in seeds]
        if not macro:
            return seed_noise([each.f1 for each in samples], [each.f1_drawn for each in samples])
        scores = [each.macro_f1 for each in samples if each.macro_f1 is not None]
        drawn = [each.macro_f1_drawn for each in samples if each.macro_f1_drawn is not None]
        if len(scores) < len(samples):
            raise ValueError("no macro F1 without classes")
        return seed_noise(scores, drawn)

    def standard_error(self, arm: Arm) -> float:
        """The standard error of an arm's F1 from the questions."""
        return self.sample(arm).standard_error

    def _columns(self, arms: Sequence[Arm]) -> list[int]:
        if not arms:
            raise ValueError("no arms to take the mean of")
        return [self._column[arm] for arm in arms]

    @property
    def _counts(self) -> tuple[ClassCounts, ClassCounts]:
        """As observed, and in every resample."""
        return ClassCounts.of_totals(self._correct, self._n), ClassCounts.of_totals(self._drawn, self._n)

    def _f1(self, correct: Floats) -> Floats:
        # F1 = 2TP / (2TP + FP + FN), and FP + FN = n - TP.
        return 2 * correct / (self._n + correct)


def resampled_totals(values: npt.NDArray[np.float32], resamples: int, seed: int) -> Floats:
    """Column sums of `values` (questions x arms) over resampled questions: (resamples x arms).

    Resamples are counts of how often each question was drawn, so that a sum is one matrix product. Exact for values 0
    and 1 and fewer than 2**24 questions, and so independent of the number of threads.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    parts: list[Floats] = []
    done = 0
    while done < resamples:
        rows = min(resamples - done, max(1, _CHUNK // n))
        drawn = rng.integers(0, n, size=(rows, n))
        drawn += n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        parts.append((counts.astype(np.float32) @ values).astype(np.float64))
        done += rows
    return np.concatenate(parts)
