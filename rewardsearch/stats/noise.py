"""Noise between training seeds, and whether a difference is beyond it.

A score moves with the questions, which the bootstrap measures, and with the training seed, which only training again shows.
Both belong to the error of a difference between rewards.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from rewardsearch.records import Record


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


def half_width(
    question_se: float, noise: SeedNoise | None, confidence: float, *, seeds: tuple[float, float] = (1, 1)
) -> float:
    """Half the width of the interval of a difference of two arms' F1 over questions and seeds.

    question_se: the standard error of the difference from the questions (Bootstrap). seeds: how many seeds each arm's score
    is the mean of, math.inf for what was not trained, which no seed moves. The variance is question_se**2 +
    sd**2 (1 / seeds[0] + 1 / seeds[1]), the quantile Student's t with the degrees of freedom of Welch (1938) and
    Satterthwaite (1946), the question part's being infinite. Without noise it is the normal quantile and says nothing of seeds.

    Of equal arms it lets 5 % differ at 95 % where one part prevails, and where they are alike up to 8 % with df 2, 6 % with
    df 4. Whole trainings are told apart less often: how single answers happened to fall is in both parts, and what a seed
    does to two arms alike cancels. Raises ValueError for a confidence outside (0, 1), a negative error, or no seeds.
    """
    if not (0 < confidence < 1 and question_se >= 0 and min(seeds) >= 1):
        raise ValueError(f"no half-width of question_se {question_se}, confidence {confidence}, seeds {seeds}")
    upper = (1 + confidence) / 2
    from_seeds = noise.sd**2 * (1 / seeds[0] + 1 / seeds[1]) if noise else 0.0
    variance = question_se**2 + from_seeds
    if noise is None or from_seeds == 0:
        return float(ndtri(upper)) * math.sqrt(variance)
    # A product of floats is infinite where a power would raise.
    ratio = variance / from_seeds
    return float(stdtrit(noise.df * ratio * ratio, upper)) * math.sqrt(variance)


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
