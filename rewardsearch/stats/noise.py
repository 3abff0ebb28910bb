"""Noise between training seeds, and whether a difference is beyond it.

A score moves with the questions, which the bootstrap measures, and with the training seed, which only training again shows.
Both belong to the error of a difference between rewards.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, ndtr, ndtri, stdtr, stdtrit

from rewardsearch.records import Record

_CLEARLY = 0.01


class SeedNoise(Record):
    """The standard deviation of F1 between training seeds of one reward, pooled over `arms` rewards.

    df: its degrees of freedom, the sum over rewards of the number of seeds less one.
    """

    sd: float
    df: int
    arms: int


def seed_noise(scores_by_arm: Mapping[Hashable, Sequence[float]]) -> SeedNoise | None:
    """The noise from F1 by arm, one a training seed, on the same questions; None when no arm has two seeds.

    The pooled sample variance takes the noise to be the same for every arm. Raises ValueError for a score that is not finite.
    """
    repeated = [np.asarray(scores, dtype=np.float64) for scores in scores_by_arm.values() if len(scores) > 1]
    if not repeated:
        return None
    if not all(np.isfinite(scores).all() for scores in repeated):
        raise ValueError("the noise between seeds needs finite scores")
    df = sum(scores.size - 1 for scores in repeated)
    squares = sum(float(np.sum((scores - scores.mean()) ** 2)) for scores in repeated)
    return SeedNoise(sd=math.sqrt(squares / df), df=df, arms=len(repeated))


@dataclass(frozen=True)
class Spread:
    """The standard error of a difference of two arms' F1 over questions and seeds, and its degrees of freedom (math.inf for a
    normal one). The interval and the p-value are of the same t statistic: the interval at confidence 1 - a leaves out 0 exactly
    where p < a."""

    standard_error: float
    df: float

    def half_width(self, confidence: float) -> float:
        """Half the width of the interval. Raises ValueError for a confidence outside (0, 1)."""
        if not 0 < confidence < 1:
            raise ValueError(f"no half-width with confidence {confidence}")
        upper = (1 + confidence) / 2
        quantile = float(ndtri(upper)) if math.isinf(self.df) else float(stdtrit(self.df, upper))
        return quantile * self.standard_error

    def p(self, gap: float) -> float:
        """The two-sided p-value of a difference `gap`, against no difference."""
        if self.standard_error == 0:
            return 1.0 if gap == 0 else 0.0
        t = abs(gap) / self.standard_error
        return float(2 * (ndtr(-t) if math.isinf(self.df) else stdtr(self.df, -t)))


def spread(question_se: float, parts: Iterable[tuple[SeedNoise, float]]) -> Spread:
    """The spread of a difference from the standard error that the questions give it (Bootstrap) and the noise between seeds.

    parts: a noise with the sum of 1 / seeds over the arms whose mean it holds for, such as 1/3 + 1/3 for two arms of one noise
    with three seeds each. The seeds of the two arms are taken as independent draws; where equal seeds move two arms alike, the
    difference varies less than is said here.

    The variance is question_se**2 plus sd**2 * share of each part, the degrees of freedom are those of Welch (1938) and
    Satterthwaite (1946), the question part's being infinite.
    """
    known = [(noise.sd * noise.sd * share, noise.df) for noise, share in parts]
    variance = question_se * question_se + sum(part for part, _ in known)
    # By shares of the variance: squares of the variances themselves underflow earlier.
    inverse = sum((part / variance) ** 2 / df for part, df in known) if variance else 0.0
    return Spread(math.sqrt(variance), 1 / inverse if inverse else math.inf)


def half_width(
    question_se: float, noise: SeedNoise | None, confidence: float, *, seeds: tuple[float, float] = (1, 1)
) -> float:
    """Half the width of the interval of a difference of two arms' F1 over questions and seeds, by `spread`.

    seeds: how many seeds each arm's score is the mean of, math.inf for what was not trained, which no seed moves. Without noise
    it is the normal quantile and says nothing of seeds.

    Of equal arms it lets 5 % differ at 95 % where one part prevails, and where they are alike up to 8 % with df 2, 6 % with
    df 4. Whole trainings are told apart less often: how single answers happened to fall is in both parts, and what a seed
    does to two arms alike cancels. Raises ValueError for a confidence outside (0, 1), a negative error, or no seeds.
    """
    if not (question_se >= 0 and min(seeds) >= 1):
        raise ValueError(f"no half-width of question_se {question_se}, seeds {seeds}")
    parts = [(noise, 1 / seeds[0] + 1 / seeds[1])] if noise else []
    return spread(question_se, parts).half_width(confidence)


def noise_of_two(pooled: SeedNoise, own: SeedNoise | None) -> SeedNoise:
    """The noise that a difference of two arms is held against: `pooled` over many arms, or the two's `own` where that is clearly
    larger.

    Pooling gives the noise many degrees of freedom, and hides that of one unsteady arm among many steady ones. Own noise counts
    as clearly larger by a one-sided F test against the other arms, at 1 %. own: pooled over the two arms, which are among those
    of `pooled`; None where they have none.
    """
    if own is None or own.df >= pooled.df:
        return pooled
    rest = pooled.df - own.df
    others = max(0.0, pooled.sd**2 * pooled.df - own.sd**2 * own.df) / rest
    if own.sd <= pooled.sd:
        return pooled
    return own if others == 0 or fdtrc(own.df, rest, own.sd**2 / others) < _CLEARLY else pooled


def differs(
    gap: float,
    question_se: float,
    noise: SeedNoise | None,
    confidence: float,
    *,
    seeds: tuple[float, float] = (1, 1),
) -> bool:
    """Whether a difference of two arms' F1 is beyond the noise of questions and seeds; the arguments are half_width's."""
    return abs(gap) > half_width(question_se, noise, confidence, seeds=seeds)
