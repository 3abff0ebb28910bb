"""Noise between training seeds, and the error that seeds and questions together give a difference between rewards.

A score moves with the questions, which the bootstrap measures, and with the training seed, which only training again shows. A
claim about rewards has both in its error, and each arm the variance of its own seeds: nothing is pooled over arms.
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

    luck: the standard deviation that such a score has because each policy answers some questions right by itself, and not for
    its reward. It moves with the questions, so that the bootstrap over questions measures it too; `sd` contains it.
    """

    sd: float
    df: int
    luck: float = 0.0


def seed_noise(scores: Sequence[float], drawn: npt.ArrayLike | None = None) -> SeedNoise | None:
    """The noise of one reward from its scores, one a training seed, on the same questions; None for fewer than two.

    drawn: the same scores over resampled questions, (seeds, resamples), from which the luck is known: the variance between seeds
    of how far each score moves in a resample. Raises ValueError for a score that is not finite.
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
    """The standard error of a score or a difference over questions and seeds, with its degrees of freedom (math.inf for a normal
    one), and the standard error that the questions alone give it.

    What is claimed of rewards must hold of the trained policies too: the interval is the wider one of both, the p-value the
    larger. So seeds that agree by chance, or exactly, make nothing sure that the questions leave open. The interval at
    confidence 1 - a leaves out 0 exactly where p < a.
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
    """The spread of a mean over seeds, or of the difference of two, from the standard error that the questions give it
    (Bootstrap) and the noise between seeds.

    parts: the noise of each trained arm with its share, 1 / seeds for a mean over its own seeds. What is not trained has no part.
    The seeds of two arms are taken as independent draws; where equal seeds move both alike, the difference varies less than is
    said here.

    Seeds and questions are crossed random effects, as readers and cases in Obuchowski and Rockette (1995): the variance is that
    of the questions, without the luck that is in the noise between seeds as well, plus the share of each arm's sd**2. Raises
    ValueError for an error that is negative or no number."""
    if not question_se >= 0:
        raise ValueError(f"no spread of question_se {question_se}")
    known = [(noise, share) for noise, share in parts]
    questions = max(0.0, question_se**2 - sum(share * noise.luck**2 for noise, share in known))
    seeds = [(share * noise.sd**2, noise.df) for noise, share in known]
    between = sum(part for part, _ in seeds)
    variance = questions + between
    inverse = inverse_df(seeds, variance) if between else 0.0
    return Spread(math.sqrt(variance), 1 / inverse if inverse else math.inf, question_se)


def inverse_df(seeds: Sequence[tuple[Any, int]], variance: Any) -> Any:
    """One through the degrees of freedom of an error with this variance.

    seeds: the part of the variance that each arm's seeds give it, not all 0, with the degrees of freedom of its noise. Numbers,
    or arrays of one shape.

    The degrees of freedom are those between seeds (Welch 1947) divided by the seeds' share of the variance. Satterthwaite (1946)
    divides by its square; with few seeds, which may agree by chance, that makes intervals too narrow
    (benchmarks/gain_coverage.py)."""
    between = sum(part for part, _ in seeds)
    # By shares of the variance: squares of the variances themselves underflow earlier.
    return sum((part / between) ** 2 / df for part, df in seeds) * between / variance
