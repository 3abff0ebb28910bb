"""Simulated searches: the interval of a gain over questions and seeds holds the truth as often as it says."""

import sys

import numpy as np
import pytest
from fakes import outcomes

from rewardsearch.files.resources import PACKAGE
from rewardsearch.stats import Bootstrap, spread

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import gain_coverage as model

QUESTIONS, SEARCHES, COPIES = 400, 2500, 1000


@pytest.mark.parametrize("seeds", [3, 5, 8])
@pytest.mark.parametrize(("arm", "baseline"), [(0.015, 0.015), (0.002, 0.08), (0.01, 0.03)])
def test_the_interval_holds_the_true_gain_and_equal_rewards_are_ties(arm: float, baseline: float, seeds: int) -> None:
    row = model.measure(model.Pair(arm, baseline), seeds, QUESTIONS, SEARCHES, 0, COPIES)
    assert 0.93 <= row["covered"] <= 0.97
    assert 0.02 <= row["A/A"] <= 0.08
    assert row["questions alone"] < 0.9


def test_arms_that_hardly_move_are_called_different_no_more_often_than_promised() -> None:
    row = model.measure(model.Pair(0.002, 0.002), 3, QUESTIONS, SEARCHES, 0, COPIES)
    assert row["covered"] >= 0.93 and row["A/A"] <= 0.08


def test_the_simulated_errors_are_those_of_the_bootstrap() -> None:
    """One search with the whole machinery: resampled questions give the same spread as the model's formulas."""
    rng = np.random.default_rng(3)
    right = rng.random((1, 2, 3, 500)) < rng.random((1, 1, 1, 500))
    ((gain, expected),) = model.spreads(right)
    arms = {
        (arm, seed): outcomes("".join("wc"[int(each)] for each in right[0, arm, seed]))
        for arm in (0, 1)
        for seed in range(3)
    }
    bootstrap = Bootstrap(arms, resamples=4000, seed=0)
    readings = [[(arm, seed) for seed in range(3)] for arm in (0, 1)]
    sample = bootstrap.sample(*readings[0]) - bootstrap.sample(*readings[1])
    noises = [bootstrap.seed_noise(*each) for each in readings]
    found = spread(sample.standard_error(), [(noise, 1 / 3) for noise in noises if noise])
    assert sample.f1 == pytest.approx(gain)
    assert found.question_se == pytest.approx(expected.question_se, rel=0.03)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=0.05)
    assert found.p(sample.f1) == pytest.approx(expected.p(gain), abs=0.03)
