"""The noise between training seeds, and the spread that seeds and questions give a difference together."""

import math
from statistics import fmean

import numpy as np
import pytest
from fakes import outcomes
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from rewardsearch.stats import Bootstrap, SeedNoise, seed_noise, spread

NORMAL = 1.959963984540054


def noise(sd: float, seeds: int, luck: float = 0.0) -> SeedNoise:
    return SeedNoise(sd=sd, df=seeds - 1, luck=luck)


def test_the_noise_is_the_standard_deviation_between_the_seeds_of_one_arm() -> None:
    found = seed_noise([0.70, 0.71, 0.72])
    assert found is not None and (found.sd, found.df, found.luck) == (pytest.approx(0.01), 2, 0.0)
    assert seed_noise([0.6]) is None and seed_noise([]) is None


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        seed_noise([0.6, math.nan])


def test_the_luck_is_what_each_policy_answers_right_by_itself() -> None:
    """Half of 400 questions are right with every seed, each other one with one of four: F1 moves by 2 / (1 + a)^2."""
    rng = np.random.default_rng(0)
    own = rng.permuted(np.arange(200) % 4, axis=-1)
    bootstrap = Bootstrap(
        {seed: outcomes("c" * 200 + "".join("cw"[int(q != seed)] for q in own)) for seed in range(4)},
        resamples=4000,
        seed=0,
    )
    found = bootstrap.seed_noise(0, 1, 2, 3)
    # Of the 200 questions a seed has its own quarter: the variance between four seeds of one right and three wrong is 1 / 4.
    luck = 2 / (1 + 0.625) ** 2 * math.sqrt(200 / 400 * 0.25 / 400)
    assert found is not None and (found.sd, found.df) == (0.0, 3) and found.luck == pytest.approx(luck, rel=0.03)


def test_a_reward_that_is_noisier_than_the_baseline_is_called_different_too_often_by_the_baselines_noise() -> None:
    """The figures of docs/ranking.md: three seeds of the baseline, and one of a reward that is worth as much."""
    rng, searches, quiet = np.random.default_rng(0), 2000, 0.015
    found = []
    for sd in (quiet, 0.05):
        baselines = rng.normal(0, quiet, (searches, 3))
        gaps = rng.normal(0, math.hypot(sd, 0.007), searches) - baselines.mean(axis=1)
        noises = (noise(float(each.std(ddof=1)), 3) for each in baselines)
        found.append(
            fmean(spread(0.007, [(each, 4 / 3)]).p(gap) < 0.05 for each, gap in zip(noises, gaps, strict=True))
        )
    assert found == [pytest.approx(0.05, abs=0.02), pytest.approx(0.3, abs=0.03)]


def test_seeds_that_answer_alike_have_no_luck() -> None:
    found = Bootstrap({seed: outcomes("ccw") for seed in range(3)}, resamples=200, seed=0).seed_noise(0, 1, 2)
    assert found is not None and (found.sd, found.luck) == pytest.approx((0, 0), abs=1e-9)
    with pytest.raises(ValueError, match="classes"):
        Bootstrap({0: outcomes("ccw")}, resamples=200, seed=0).seed_noise(0, metric="macro_f1")


def test_without_trained_arms_it_is_the_questions_alone() -> None:
    found = spread(0.02)
    assert (found.standard_error, found.df) == (0.02, math.inf)
    assert found.half_width(0.95) == pytest.approx(NORMAL * 0.02)
    assert found.p(0.03) == pytest.approx(2 * norm.sf(1.5)) and found.p(-0.03) == found.p(0.03) and found.p(0.0) == 1
    assert spread(0).half_width(0.95) == 0 and spread(0).p(0.0) == 1 and spread(0).p(0.1) == 0


def test_each_arm_has_its_own_variance_and_the_degrees_of_freedom_are_welchs() -> None:
    found = spread(0, [(noise(0.08, 5), 1 / 5), (noise(0.002, 3), 1 / 3)])
    parts = 0.08**2 / 5, 0.002**2 / 3
    assert found.standard_error == pytest.approx(math.sqrt(sum(parts)))
    assert found.df == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 4 + parts[1] ** 2 / 2))
    assert found.half_width(0.9) == pytest.approx(t.ppf(0.95, found.df) * found.standard_error)
    assert found.p(0.1) == pytest.approx(2 * t.sf(0.1 / found.standard_error, found.df))


def test_the_questions_share_of_the_variance_adds_degrees_of_freedom() -> None:
    found = spread(0.02, [(noise(0.03, 4), 1 / 4), (noise(0.03, 4), 1 / 4)])
    between = 2 * 0.03**2 / 4
    variance = 0.02**2 + between
    assert found.df == pytest.approx(6 * variance / between)
    assert found.half_width(0.95) == pytest.approx(t.ppf(0.975, found.df) * math.sqrt(variance))


def test_the_luck_that_is_in_both_parts_counts_once() -> None:
    found = spread(0.02, [(noise(0.03, 4, luck=0.01), 1 / 4), (noise(0.03, 4, luck=0.03), 1 / 4)])
    questions = 0.02**2 - (0.01**2 + 0.03**2) / 4
    assert found.standard_error == pytest.approx(math.sqrt(questions + 2 * 0.03**2 / 4))


@pytest.mark.parametrize("sd", [0.0, 1e-4])
def test_seeds_that_agree_by_chance_make_nothing_sure_that_the_questions_leave_open(sd: float) -> None:
    found = spread(0.02, [(noise(sd, 2, luck=0.02), 1 / 2), (noise(sd, 2, luck=0.02), 1 / 2)])
    assert found.standard_error < 0.001
    assert found.half_width(0.95) == pytest.approx(NORMAL * 0.02)
    assert found.p(0.03) == pytest.approx(spread(0.02).p(0.03)) == pytest.approx(0.1336, abs=1e-4)


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 1), st.integers(2, 9), st.floats(0, 1)), max_size=2),
    st.floats(-2, 2),
    st.sampled_from([0.9, 0.95]),
)
def test_interval_and_p_value_agree_and_are_never_surer_than_the_questions(
    question_se: float, arms: list[tuple[float, int, float]], gap: float, confidence: float
) -> None:
    found = spread(question_se, [(noise(sd, seeds, luck), 1 / seeds) for sd, seeds, luck in arms])
    half, alone = found.half_width(confidence), spread(question_se)
    assert math.isfinite(half) and half >= alone.half_width(confidence) and found.p(gap) >= alone.p(gap)
    if abs(abs(gap) - half) > 1e-9 * half:
        assert (found.p(gap) < 1 - confidence) == (abs(gap) > half)


def test_what_gives_no_spread_is_refused() -> None:
    for error in (-1, math.nan):
        with pytest.raises(ValueError, match="no spread"):
            spread(error)
    with pytest.raises(ValueError, match="no half-width"):
        spread(0.1).half_width(1.0)
