import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from rewardsearch.records import Outcome
from rewardsearch.stats import Bootstrap, SeedNoise, differs, f1_accuracy, half_width, seed_noise

NORMAL = 1.959963984540054


def test_the_noise_between_seeds_is_pooled_over_arms() -> None:
    """Squares about the means: 0.0002 of two scores and 0.0002 of three, over 1 + 2 degrees of freedom."""
    noise = seed_noise({"base": [0.60, 0.62], "best": [0.70, 0.71, 0.72], "once": [0.9]})
    assert noise is not None
    assert (noise.sd, noise.df, noise.arms) == (pytest.approx(math.sqrt(0.0004 / 3)), 3, 2)


def test_without_an_arm_of_two_seeds_the_noise_is_not_known() -> None:
    assert seed_noise({"base": [0.6], "none": []}) is None
    assert seed_noise({}) is None


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        seed_noise({"base": [0.6, math.nan]})


def test_without_noise_the_half_width_is_the_questions() -> None:
    assert half_width(0.02, None, 0.95) == pytest.approx(NORMAL * 0.02)
    assert half_width(0.02, SeedNoise(sd=0, df=2, arms=1), 0.95) == pytest.approx(NORMAL * 0.02)
    assert half_width(0, None, 0.95) == 0


def test_with_seeds_alone_it_is_students_with_their_degrees_of_freedom() -> None:
    noise = SeedNoise(sd=0.03, df=2, arms=1)
    assert half_width(0, noise, 0.95) == pytest.approx(t.ppf(0.975, 2) * 0.03 * math.sqrt(2))


def test_with_both_the_degrees_of_freedom_are_those_of_welch_and_satterthwaite() -> None:
    noise = SeedNoise(sd=0.03, df=2, arms=1)
    variance = 0.02**2 + 2 * 0.03**2
    df = variance**2 / ((2 * 0.03**2) ** 2 / 2)
    assert half_width(0.02, noise, 0.9) == pytest.approx(t.ppf(0.95, df) * math.sqrt(variance))


def test_more_seeds_of_an_arm_take_their_share_of_the_noise() -> None:
    noise = SeedNoise(sd=0.03, df=2, arms=1)
    assert half_width(0, noise, 0.95, seeds=(3, 1)) == pytest.approx(t.ppf(0.975, 2) * 0.03 * math.sqrt(1 / 3 + 1))
    assert half_width(0, noise, 0.95, seeds=(1, math.inf)) == pytest.approx(t.ppf(0.975, 2) * 0.03)
    assert half_width(0.02, noise, 0.95, seeds=(math.inf, math.inf)) == pytest.approx(NORMAL * 0.02)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 100))
def test_the_half_width_is_finite_and_at_least_that_of_the_questions(error: float, sd: float, df: int) -> None:
    half = half_width(error, SeedNoise(sd=sd, df=df, arms=1), 0.95)
    assert math.isfinite(half) and half >= half_width(error, None, 0.95) * (1 - 1e-12)


def test_a_gap_differs_from_its_half_width_on_either_side() -> None:
    half = half_width(0.02, None, 0.95)
    assert differs(half * 1.001, 0.02, None, 0.95) and differs(-half * 1.001, 0.02, None, 0.95)
    assert not differs(half * 0.999, 0.02, None, 0.95) and not differs(0, 0, None, 0.95)


@pytest.mark.parametrize(
    ("error", "confidence", "seeds"),
    [(-1, 0.95, (1, 1)), (math.nan, 0.95, (1, 1)), (0.1, 1.0, (1, 1)), (0.1, 0.9, (0, 1))],
)
def test_what_gives_no_half_width_is_refused(error: float, confidence: float, seeds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no half-width"):
        half_width(error, None, confidence, seeds=seeds)


@pytest.mark.parametrize(("error", "sd"), [(0.0, 0.03), (0.015, 0.03), (0.03, 0.03), (0.03, 0.01)])
@pytest.mark.parametrize(("repeated", "seeds", "most"), [(1, 3, 0.08), (1, 5, 0.065), (5, 3, 0.055)])
def test_of_equal_arms_about_one_in_twenty_seems_to_differ(
    error: float, sd: float, repeated: int, seeds: int, most: float
) -> None:
    """With few seeds the method of Welch and Satterthwaite lets through somewhat more."""
    rng = np.random.default_rng(0)
    draws, false = 8000, 0
    for scores, gap in zip(
        rng.normal(0.6, sd, size=(draws, repeated, seeds)),
        rng.normal(0, math.sqrt(error**2 + 2 * sd**2), size=draws),
        strict=True,
    ):
        false += differs(gap, error, seed_noise(dict(enumerate(scores))), 0.95)
    assert 0.04 < false / draws < most


def test_arms_that_differ_by_their_seed_alone_are_told_apart_no_more_often_than_promised() -> None:
    """Whole trainings: questions of differing difficulty, seeds that move every answer, answers that fall as they fall."""
    rng = np.random.default_rng(0)
    n, worlds = 200, 400
    kinds = [
        {
            right: Outcome(id=f"q{i}", kind="correct" if right else "wrong", gold="", prediction="", length=0)
            for right in (0, 1)
        }
        for i in range(n)
    ]
    with_seeds = questions_alone = 0
    for world in range(worlds):
        difficulty = rng.normal(0.5, 1, size=n)
        # Three seeds of the baseline, and one candidate that is no better.
        chances = 1 / (1 + np.exp(-(difficulty + rng.normal(0, 0.2, size=(4, 1)))))
        answers = (rng.random((4, n)) < chances).astype(int).tolist()
        arms = {i: [kinds[q][right] for q, right in enumerate(row)] for i, row in enumerate(answers)}
        noise = seed_noise({"baseline": [f1_accuracy(arms[i]).f1 for i in (0, 1, 2)]})
        bootstrap = Bootstrap(arms, resamples=200, seed=world)
        gap = bootstrap.sample(3) - bootstrap.sample(0)
        with_seeds += differs(gap.f1, gap.standard_error, noise, 0.95)
        questions_alone += differs(gap.f1, gap.standard_error, None, 0.95)
    assert with_seeds / worlds <= 0.05
    assert questions_alone / worlds > 0.15
