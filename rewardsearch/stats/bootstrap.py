"""The paired bootstrap over questions: intervals and standard errors of scores, of means over seeds, and of differences.

Intervals cover the uncertainty from the questions, given the trained models; `noise` adds that from the training seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rewardsearch.records import ClassScores, Outcome, RetrievalScores, ScoreEstimate
from rewardsearch.stats.classes import ClassCounts, class_sample, class_table, confusion_of, scores_of
from rewardsearch.stats.metrics import Arm, right_table
from rewardsearch.stats.noise import SeedNoise, seed_noise
from rewardsearch.stats.retrieval import SCORES, retrieval_table
from rewardsearch.stats.samples import Estimate, Floats, Metric, Sample, percentiles

_CHUNK = 1_000_000
Number = TypeVar("Number", np.float32, np.float64)


class Bootstrap(Generic[Arm]):
    """Percentile bootstrap over questions of arms that answered the same questions (Efron and Tibshirani 1993, ch. 13).

    arms: outcomes by arm; an arm has any name: an id, or (id, seed) for a reward that was trained with several seeds. resamples:
    how often n questions are drawn with replacement. seed: fixes the draws, which are the same for every arm, any set of arms and
    any order of the outcomes. confidence: of the intervals.

    On a task with classes F1 is that of the positive class, or macro F1 where there is none. Resamples are not stratified, so
    the share of each class varies as it does when questions are drawn. In a resample without a class, its precision, recall
    and F1 are 0. An arm that is always correct, or never, has an interval of width 0, and so has a precision or recall of 1
    or 0.

    Raises ValueError when there is no arm or no question, or the arms answered different questions or have different gold
    classes."""

    def __init__(
        self, arms: Mapping[Arm, Sequence[Outcome]], *, resamples: int, seed: int, confidence: float = 0.95
    ) -> None:
        ids, table = right_table(arms)
        self._n = len(ids)
        self._confidence = confidence
        self._arms = arms
        self._column = {arm: column for column, arm in enumerate(arms)}
        self._classes = class_table(arms, ids)
        self._ids, self._resamples, self._seed = ids, resamples, seed
        if self._classes is not None:
            table = self._classes.table
        self._drawn = resampled_totals(table, resamples, seed)
        self._correct = table.sum(axis=0, dtype=np.float64)

    def sample(self, *seeds: Arm) -> Sample:
        """The mean over arms with equal weights, such as the training seeds of one reward: the mean of their F1 (which is not the
        F1 of their mean accuracy, since F1 is concave in accuracy).

        Raises ValueError without arms, KeyError for an arm that is not there.
        """
        columns = self._columns(seeds)
        if self._classes is not None:
            return class_sample(*self._counts(columns), self._classes.task, self._confidence)
        correct, drawn = self._correct[columns], self._drawn[columns].astype(np.float64)
        return Sample(
            observed={"f1": float(self._f1(correct).mean()), "accuracy": float((correct / self._n).mean())},
            drawn={"f1": self._f1(drawn).mean(axis=0), "accuracy": (drawn / self._n).mean(axis=0)},
            confidence=self._confidence,
        )

    def class_scores(self, *seeds: Arm) -> ClassScores | None:
        """Precision, recall and F1 of each class, macro F1 and the confusion matrix, each the mean over arms as in `sample`;
        None for a task without classes.

        Raises ValueError without arms, KeyError for an arm that is not there.
        """
        columns = self._columns(seeds)
        if self._classes is None:
            return None
        task = self._classes.task
        confusion = confusion_of([self._arms[arm] for arm in seeds], task.names)
        return scores_of(*self._counts(columns), task, confusion, self._confidence)

    def retrieval_scores(self, *seeds: Arm) -> RetrievalScores | None:
        """MRR and nDCG@10, each the mean over arms as in `sample`; None for a task that ranks no texts.

        Raises ValueError without arms, KeyError for an arm that is not there.
        """
        columns = self._columns(seeds)
        if self._retrieval is None:
            return None
        earned, drawn = self._retrieval
        found = {}
        for place, name in enumerate(SCORES):
            of = [len(SCORES) * column + place for column in columns]
            ci = percentiles(drawn[of].mean(axis=0) / self._n, self._confidence)
            found[name] = ScoreEstimate(value=float(earned[of].mean()) / self._n, ci=ci)
        return RetrievalScores(**found)

    @cached_property
    def _retrieval(self) -> tuple[Floats, Floats] | None:
        """What each arm earned by its ranks, as observed and in every resample."""
        table = retrieval_table(self._arms, self._ids)
        return None if table is None else (table.sum(axis=0), resampled_totals(table, self._resamples, self._seed))

    def estimate(self, *seeds: Arm) -> Estimate:
        """F1 and accuracy of an arm, or the mean over seeds, with their intervals."""
        return self.sample(*seeds).estimate

    def seed_noise(self, *seeds: Arm, metric: Metric = "f1") -> SeedNoise | None:
        """The noise between the training seeds of one reward; None for fewer than two.

        Raises KeyError for an arm that is not there, ValueError for macro F1 of a task without classes.
        """
        samples = [self.sample(seed) for seed in seeds]
        if not all(metric in each.observed for each in samples):
            raise ValueError("no macro F1 without classes")
        return seed_noise([each.observed[metric] for each in samples], [each.drawn[metric] for each in samples])

    def _columns(self, arms: Sequence[Arm]) -> list[int]:
        if not arms:
            raise ValueError("no arms to take the mean of")
        return [self._column[arm] for arm in arms]

    def _counts(self, columns: Sequence[int]) -> tuple[ClassCounts, ClassCounts]:
        """Those of some arms as observed, and in every resample."""
        assert self._classes is not None
        return self._classes.counts(self._correct, columns), self._classes.counts(self._drawn, columns)

    def _f1(self, correct: Floats) -> Floats:
        # F1 = 2TP / (2TP + FP + FN), and FP + FN = n - TP.
        return 2 * correct / (self._n + correct)


def resampled_totals(values: npt.NDArray[Number], resamples: int, seed: int) -> npt.NDArray[Number]:
    """Column sums of `values` (questions x columns) over resampled questions: (columns, resamples).

    A resample is a count of how often each question was drawn, so the sums are one matrix product. They are exact for values 0
    and 1 and fewer than 2**24 questions, and so independent of the number of threads. Each column's sums lie together in memory,
    so that its quantiles are fast.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    totals = np.empty((values.shape[1], resamples), dtype=values.dtype)
    done = 0
    while done < resamples:
        rows = min(resamples - done, max(1, _CHUNK // n))
        drawn = rng.integers(0, n, size=(rows, n))
        drawn += n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        totals[:, done : done + rows] = (counts.astype(values.dtype) @ values).T
        done += rows
    return totals
