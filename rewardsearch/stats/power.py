"""Power: the true gain that the interval over questions and seeds detects."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, ndtr, ndtri, stdtrit

from rewardsearch.stats.noise import inverse_df

POWER = 0.8
_NODES = 60
_DIFFERENT = 0.1
_ACCURACY = 0.7


def smallest_gain(sd: float, seeds: int, question_se: float, confidence: float = 0.95) -> float:
    """The true gain for which the interval of `spread` excludes 0 on the gain's side with probability POWER.

    Two arms with `seeds` seeds each and the same standard deviation `sd` between seeds. question_se: the standard error of the
    gain from the questions. Raises ValueError for fewer than two seeds.
    """
    halves, error = _intervals(sd, seeds, question_se, confidence)
    # Half the widest interval plus three standard errors is nearly always detected.
    low, high = 0.0, float(halves.max()) + 3 * error
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _detected(middle, halves, error) < POWER else (low, middle)
    return high


def _intervals(sd: float, seeds: int, question_se: float, confidence: float) -> tuple[npt.NDArray[np.float64], float]:
    """Half the width of the interval for equally likely estimates of both arms' noise, and the standard error of the gain."""
    if seeds < 2:
        raise ValueError(f"no interval of a gain between rewards with {seeds} seeds")
    df = seeds - 1
    tails = (np.arange(_NODES) + 0.5) / _NODES
    estimated = sd * sd / seeds * chdtri(df, tails) / df
    one, other = estimated[:, None], estimated[None, :]
    variance = one + other + question_se**2
    upper = (1 + confidence) / 2
    normal = float(ndtri(upper))
    quantile: npt.NDArray[np.float64] | float = normal
    if sd > 0:
        quantile = np.asarray(stdtrit(1 / inverse_df([(one, df), (other, df)], variance), upper))
    halves = np.maximum(quantile * np.sqrt(variance), normal * question_se)
    return halves, math.sqrt(2 * sd * sd / seeds + question_se**2)


def _detected(gain: float, halves: npt.NDArray[np.float64], error: float) -> float:
    return float(ndtr((gain - halves) / error).mean()) if error else float(gain > 0)


def usual_question_se(questions: int) -> float:
    """The usual standard error of a gain in F1 from this number of questions, before anything is measured.

    It assumes that two rewards answer a tenth of the questions differently with any seed, at an accuracy of 0.7, where F1
    changes by 0.69 per 1 in accuracy.
    """
    return 2 / (1 + _ACCURACY) ** 2 * math.sqrt(_DIFFERENT / questions)
