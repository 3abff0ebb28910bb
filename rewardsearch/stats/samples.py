"""Scores as observed and in every resample, and the intervals from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Interval, Record, ScoreEstimate

Floats = npt.NDArray[np.float64]
Metric = Literal["f1", "accuracy", "macro_f1"]


class Estimate(Record):
    """F1 and accuracy with their bootstrap intervals."""

    f1: float
    f1_ci: Interval
    accuracy: float
    accuracy_ci: Interval


@dataclass(frozen=True)
class Sample:
    """Scores as observed, and in every resample: (resamples,). `a - b` is the paired difference of two samples.

    Only a task with classes has macro F1, the mean over the classes; its F1 is that of the positive class, or macro F1
    where there is none. Only samples of the
    same Bootstrap can be subtracted: they have the same resampled questions.
    """

    observed: Mapping[Metric, float]
    drawn: Mapping[Metric, Floats]
    confidence: float

    @property
    def f1(self) -> float:
        return self.observed["f1"]

    @property
    def has_classes(self) -> bool:
        return "macro_f1" in self.observed

    @property
    def estimate(self) -> Estimate:
        """F1 and accuracy with their percentile intervals."""
        f1, accuracy = self.score("f1"), self.score("accuracy")
        return Estimate(f1=f1.value, f1_ci=f1.ci, accuracy=accuracy.value, accuracy_ci=accuracy.ci)

    def score(self, metric: Metric) -> ScoreEstimate:
        """A score with its percentile interval. Raises ValueError for macro F1 of a task without classes."""
        if metric not in self.observed:
            raise ValueError("no macro F1 without classes")
        return ScoreEstimate(value=self.observed[metric], ci=percentiles(self.drawn[metric], self.confidence))

    def standard_error(self, metric: Metric = "f1") -> float:
        """The standard deviation of a score over the resamples."""
        return float(np.std(self.drawn[metric], ddof=1))

    def __sub__(self, other: Sample) -> Sample:
        return Sample(
            observed={metric: value - other.observed[metric] for metric, value in self.observed.items()},
            drawn={metric: values - other.drawn[metric] for metric, values in self.drawn.items()},
            confidence=self.confidence,
        )


def percentiles(drawn: Floats, confidence: float) -> Interval:
    """The percentile interval of resampled values: (resamples,)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
