"""Scores as observed and in every resample, and the intervals that these give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewardsearch.records import ClassEstimate, Interval, Record

Floats = npt.NDArray[np.float64]


class Estimate(Record):
    """A score and its accuracy with their bootstrap intervals."""

    f1: float
    f1_ci: Interval
    accuracy: float
    accuracy_ci: Interval


@dataclass(frozen=True)
class Sample:
    """F1 and accuracy as observed, and in every resample: (resamples,). `a - b` is the paired difference of two samples.

    On a task with classes F1 is the positive class's, and macro_f1 the mean of both; elsewhere macro_f1 is None, its draws too.
    Samples of one Bootstrap saw the same resampled questions; those of two do not go together.
    """

    f1: float
    accuracy: float
    f1_drawn: Floats
    accuracy_drawn: Floats
    confidence: float
    macro_f1: float | None = None
    macro_f1_drawn: Floats | None = None

    @property
    def estimate(self) -> Estimate:
        """The observed values with their percentile intervals."""
        return Estimate(
            f1=self.f1,
            f1_ci=percentiles(self.f1_drawn, self.confidence),
            accuracy=self.accuracy,
            accuracy_ci=percentiles(self.accuracy_drawn, self.confidence),
        )

    @property
    def macro_f1_estimate(self) -> ClassEstimate | None:
        """Macro F1 with its percentile interval; None for a task without classes."""
        if self.macro_f1 is None or self.macro_f1_drawn is None:
            return None
        return ClassEstimate(value=self.macro_f1, ci=percentiles(self.macro_f1_drawn, self.confidence))

    @property
    def standard_error(self) -> float:
        """The standard deviation of F1 over the resamples."""
        return float(np.std(self.f1_drawn, ddof=1))

    @property
    def macro_standard_error(self) -> float:
        """The standard deviation of macro F1 over the resamples. Raises ValueError for a task without classes."""
        if self.macro_f1_drawn is None:
            raise ValueError("no macro F1 without classes")
        return float(np.std(self.macro_f1_drawn, ddof=1))

    def __sub__(self, other: Sample) -> Sample:
        macro, drawn = None, None
        if self.macro_f1 is not None and other.macro_f1 is not None:
            macro = self.macro_f1 - other.macro_f1
        if self.macro_f1_drawn is not None and other.macro_f1_drawn is not None:
            drawn = self.macro_f1_drawn - other.macro_f1_drawn
        return Sample(
            f1=self.f1 - other.f1,
            accuracy=self.accuracy - other.accuracy,
            f1_drawn=self.f1_drawn - other.f1_drawn,
            accuracy_drawn=self.accuracy_drawn - other.accuracy_drawn,
            confidence=self.confidence,
            macro_f1=macro,
            macro_f1_drawn=drawn,
        )


def percentiles(drawn: Floats, confidence: float) -> Interval:
    """The percentile interval of values drawn: (resamples,)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
