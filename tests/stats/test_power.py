"""The smallest gain that is found: against the interval itself on simulated searches, and against the noncentral t."""

import numpy as np
import pytest
from scipy.stats import nct, t

from rewardsearch.stats import POWER, SeedNoise, smallest_gain, spread, usual_question_se


@pytest.mark.parametrize(
    ("sd", "seeds", "question_se"), [(0.02, 2, 0.007), (0.02, 3, 0.007), (0.05, 5, 0.02), (0.0, 3, 0.01)]
)
def test_a_gain_of_that_size_is_found_as_often_as_told(sd: float, seeds: int, question_se: float) -> None:
    rng, searches = np.random.default_rng(0), 2000
    gain = smallest_gain(sd, seeds, question_se)
    luck = rng.normal(0, question_se, searches)
    found = 0
    for arm, base, moved in zip(
        rng.normal(gain, sd, (searches, seeds)), rng.normal(0, sd, (searches, seeds)), luck, strict=True
    ):
        noises = (SeedNoise(sd=float(each.std(ddof=1)), df=seeds - 1) for each in (arm, base))
        found += arm.mean() - base.mean() + moved > spread(question_se, [(n, 1 / seeds) for n in noises]).half_width(
            0.95
        )
    assert found / searches == pytest.approx(POWER, abs=0.03)


def test_with_many_seeds_it_is_that_of_the_t_test() -> None:
    sd, seeds = 0.02, 60
    error, df = sd * (2 / seeds) ** 0.5, 2 * (seeds - 1)
    gain = smallest_gain(sd, seeds, 0.0)
    assert 1 - nct.cdf(t.ppf(0.975, df), df, gain / error) == pytest.approx(POWER, abs=0.005)


def test_more_seeds_and_questions_find_smaller_gains_and_one_seed_finds_none() -> None:
    gains = [smallest_gain(0.015, seeds, usual_question_se(1000)) for seeds in (2, 3, 5, 8)]
    assert gains == sorted(gains, reverse=True) and gains[0] > 2 * gains[2]
    assert smallest_gain(0.015, 5, usual_question_se(200)) > 1.2 * gains[2]
    with pytest.raises(ValueError, match="1 seeds"):
        smallest_gain(0.015, 1, 0.01)
