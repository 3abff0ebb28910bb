"""Noise between training seeds, and the error of a difference between rewards from seeds and questions together.

A score varies with the questions, which the bootstrap measures, and with the training seed, which only another training shows. A
claim about rewards includes both. Each arm has the variance of its own seeds: nothing is pooled over arms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from rewardsearch.records import Record


class SeedNoise(Record):
    """The standard deviation `sd` of one reward's scores between training seeds, with `df` degrees of freedom (seeds less one).

    luck: the part of `sd` that comes from single answers: each policy gets some questions right by chance, and not because of
    its reward. That part varies with the questions too, so the bootstrap over questions measures it as well.
    """

    sd: float
    df: int
    luck: float = 0.0


def seed_noise(scores: Sequence[float], drawn: npt.ArrayLike | None = None) -> SeedNoise | None:
    """The noise of one reward from its scores, one a training seed, on the same questions; None for fewer than two.

    drawn: the same scores over resampled questions, (seeds, resamples). Luck is measured from them: the variance between seeds of
    how far each score moves in a resample. Raises ValueError for a score that is not finite.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the noise between seeds needs finite scores")
    if values.size < 2:
        return None
    luck = 0.0
    if drawn is not None:
        moved = np.asarray(drawn, dtype=np.float64)
        moved = moved - moved.mean(axis=1, keepdims=True)
        luck = math.sqrt(moved.var(axis=0, ddof=1).mean())
    return SeedNoise(sd=float(values.std(ddof=1)), df=values.size - 1, luck=luck)


@dataclass(frozen=True)
class Spread:
    """The standard error of a score or a difference over questions and seeds, with its degrees of freedom (math.inf: normal), and
    the standard error from the questions alone.

    A claim about rewards must also hold for the trained policies. So the interval is the wider one of the two, and the p-value
    the larger. Seeds that agree by chance, or exactly, cannot make a result surer than the questions do. The interval at
    confidence 1 - a excludes 0 exactly where p < a.
    """

    standard_error: float
    df: float
    question_se: float

    def half_width(self, confidence: float) -> float:
        """Half the width of the interval. Raises ValueError for a confidence outside (0, 1)."""
        if not 0 < confidence < 1:
            raise ValueError(f"no half-width with confidence {confidence}")
        upper = (1 + confidence) / 2
        normal = float(ndtri(upper))
        quantile = normal if math.isinf(self.df) else float(stdtrit(self.df, upper))
        return max(quantile * self.standard_error, normal * self.question_se)

    def p(self, gap: float) -> float:
        """The two-sided p-value of a difference `gap`, against no difference."""
        if gap == 0:
            return 1.0
        found = []
        for error, df in ((self.standard_error, self.df), (self.question_se, math.inf)):
            t = abs(gap) / error if error else math.inf
            found.append(float(2 * (ndtr(-t) if math.isinf(df) else stdtr(df, -t))))
        return max(found)


def spread(question_se: float, parts: Iterable[tuple[SeedNoise, float]] = ()) -> Spread:
    """The spread of a mean over seeds, or of the difference of two, from its standard error over questions (Bootstrap) and the
    noise between seeds.

    parts: the noise of each trained arm with its share, which is 1 / seeds for a mean over its own seeds. An arm that is not
    trained has no part. The seeds of two arms are treated as independent draws. Where equal seeds move both arms in the same
    direction, the true spread is smaller.

    Seeds and questions are crossed random effects, as readers and cases in Obuchowski and Rockette (1995). The variance is that
    of the questions, without the luck (which the noise between seeds contains as well), plus each arm's share of its sd**2.
    Raises ValueError for an error that is negative or NaN."""
    if not question_se >= 0:
        raise ValueError(f"no spread of question_se {question_se}")
    known = [(noise, share) for noise, share in parts]
    questions = max(0.0, question_se**2 - sum(share * noise.luck**2 for noise, share in known))
    seeds = [(share * noise.sd**2, noise.df) for noise, share in known]
    between = sum(part for part, _ in seeds)
    variance = questions + between
    inverse = inverse_df(seeds, variance) if between else 0.0
    return Spread(math.sqrt(variance), 1 / inverse if inverse else math.inf, question_se)


def projected_spread(question_se: float, noises: Sequence[SeedNoise], more_seeds: float = 0) -> Spread:
    """The spread of a mean over seeds, or of the difference of two, if each arm had `more_seeds` more (math.inf: endless ones).

    noises: one per trained arm, from the seeds that its mean is over; it stays the same size. With more seeds the luck of single
    policies weighs less in the standard error from the questions as well.
    """
    variance = question_se**2
    parts: list[tuple[SeedNoise, float]] = []
    for noise in noises:
        seeds = noise.df + 1
        variance -= noise.luck**2 * (1 / seeds - 1 / (seeds + more_seeds))
        parts.append((noise.model_copy(update={"df": noise.df + more_seeds}), 1 / (seeds + more_seeds)))
    return spread(math.sqrt(max(0.0, variance)), parts)


def inverse_df(seeds: Sequence[tuple[Any, int]], variance: Any) -> Any:
    """The inverse of the degrees of freedom of an error with this variance.

    seeds: each arm's part of the variance, not all 0, with the degrees of freedom of its noise. Numbers, or arrays of one shape.

    The degrees of freedom are those between seeds (Welch 1947) divided by the seeds' share of the variance. Satterthwaite (1946)
    divides by the square of that share. With few seeds, which may agree by chance, this makes intervals too narrow
    (benchmarks/gain_coverage.py)."""
    between = sum(part for part, _ in seeds)
    # By shares of the variance: squares of the variances themselves underflow earlier.
    return sum((part / between) ** 2 / df for part, df in seeds) * between / variance
