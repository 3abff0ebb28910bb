import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fakes import outcomes

from rewardsearch.records import Interval, Outcome
from rewardsearch.stats import Bootstrap, Estimate, adjust, pairwise, resampled_totals

QUESTIONS = 200
PART = 250
"""Simulated arms or pairs that share one bootstrap."""
ANSWERS = [(outcomes("w", first=question)[0], outcomes("c", first=question)[0]) for question in range(QUESTIONS)]


def arm(right: npt.NDArray[np.bool_]) -> list[Outcome]:
    """The outcomes of QUESTIONS questions, from who is right: (questions,)."""
    return [ANSWERS[question][is_right] for question, is_right in enumerate(right.tolist())]


def difference(bootstrap: Bootstrap[Any], a: Sequence[Any], b: Sequence[Any]) -> Estimate:
    """The mean over arms `a` less that over `b`."""
    return (bootstrap.sample(*a) - bootstrap.sample(*b)).estimate


def f1_of(accuracy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 2 * accuracy / (1 + accuracy)


def coverage(intervals: Iterable[Interval], truths: npt.NDArray[np.float64]) -> float:
    low, high = np.array(list(intervals)).T
    # Scores lie on a grid, and a bound may meet the truth on it but for rounding.
    return float(np.mean((low <= truths + 1e-12) & (truths <= high + 1e-12)))


def test_resampled_totals_equal_those_of_drawing_question_by_question() -> None:
    values = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    drawn = np.random.default_rng(3).integers(0, 3, size=(5, 3))
    assert resampled_totals(values, 5, 3).T.tolist() == values[drawn].sum(axis=1).tolist()


def test_resampled_totals_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = (np.random.default_rng(0).random((37, 3)) < 0.5).astype(np.float32)
    at_once = resampled_totals(values, 50, 0)
    monkeypatch.setattr("rewardsearch.stats.bootstrap._CHUNK", 100)
    assert resampled_totals(values, 50, 0).tolist() == at_once.tolist()


def test_the_accuracy_interval_has_the_width_of_the_binomial() -> None:
    estimate = Bootstrap({"a": outcomes("c" * 300 + "w" * 200)}, resamples=10_000, seed=0).estimate("a")
    half = 1.96 * math.sqrt(0.6 * 0.4 / 500)
    assert estimate.accuracy == 0.6
    assert estimate.accuracy_ci == pytest.approx((0.6 - half, 0.6 + half), abs=0.004)
    assert estimate.f1_ci == pytest.approx(tuple(2 * a / (1 + a) for a in estimate.accuracy_ci))


def test_the_interval_widens_with_confidence() -> None:
    arms = {"a": outcomes("cw" * 50)}
    low, high = (Bootstrap(arms, resamples=2000, seed=0, confidence=c).estimate("a").f1_ci for c in (0.8, 0.99))
    assert high[0] < low[0] < low[1] < high[1]


def test_the_difference_is_paired() -> None:
    """Two arms that differ on one question of 100 have a difference far narrower than their own intervals."""
    a, b = outcomes("c" * 60 + "w" * 40), outcomes("c" * 59 + "w" * 41)
    bootstrap = Bootstrap({"a": a, "b": b}, resamples=5000, seed=0)
    gap = difference(bootstrap, ["a"], ["b"])
    assert gap.accuracy == pytest.approx(0.01)
    assert gap.accuracy_ci[0] == 0 and gap.accuracy_ci[1] <= 0.04
    own = bootstrap.estimate("a").accuracy_ci
    assert own[1] - own[0] > 0.15


def test_an_arms_interval_does_not_depend_on_the_other_arms_or_on_order() -> None:
    a, b = outcomes("ccwwuc" * 20), outcomes("wwcccc" * 20)
    alone = Bootstrap({"a": a}, resamples=500, seed=1).estimate("a")
    assert Bootstrap({"b": b, "a": tuple(reversed(a))}, resamples=500, seed=1).estimate("a") == alone
    assert Bootstrap({"a": a}, resamples=500, seed=2).estimate("a") != alone


def test_arms_of_different_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same ones"):
        Bootstrap({"a": outcomes("cc"), "b": outcomes("cc", first=1)}, resamples=100, seed=0)
    with pytest.raises(ValueError, match="two outcomes"):
        Bootstrap({"a": outcomes("c") * 2}, resamples=100, seed=0)
    with pytest.raises(ValueError, match="no outcomes"):
        Bootstrap({"a": ()}, resamples=100, seed=0)


def test_the_standard_errors_are_those_of_the_delta_method() -> None:
    """The derivative of 2a / (1 + a) is 2 / (1 + a)**2; a paired difference has the variance of its discordant pairs."""
    a, b = outcomes("c" * 300 + "w" * 200), outcomes("c" * 270 + "w" * 30 + "c" * 30 + "w" * 170)
    bootstrap = Bootstrap({"a": a, "b": b}, resamples=10_000, seed=0)
    slope = 2 / 1.6**2
    assert bootstrap.sample("a").standard_error() == pytest.approx(slope * math.sqrt(0.6 * 0.4 / 500), rel=0.03)
    sampled = {arm: bootstrap.sample(arm) for arm in ("a", "b")}
    between = (sampled["a"] - sampled["b"]).standard_error()
    assert between == pytest.approx(slope * math.sqrt(60 / 500 / 500), rel=0.03)
    assert (sampled["a"] - sampled["a"]).standard_error() == 0


def test_a_mean_over_seeds_is_the_mean_of_each_seeds_f1() -> None:
    seeds = {
        ("base", 1): outcomes("ccccwwuuuu"),
        ("base", 2): outcomes("ccccccccuw"),
        ("new", 1): outcomes("ccccccwwww"),
    }
    bootstrap = Bootstrap(seeds, resamples=500, seed=0)
    base = [("base", 1), ("base", 2)]
    mean = bootstrap.estimate(*base)
    each = [bootstrap.estimate(arm).f1 for arm in base]
    assert each == pytest.approx([0.8 / 1.4, 1.6 / 1.8])
    assert (mean.f1, mean.accuracy) == pytest.approx((sum(each) / 2, 0.6))
    assert mean.f1 < 2 * 0.6 / 1.6
    assert difference(bootstrap, [("new", 1)], base).f1 == pytest.approx(2 * 0.6 / 1.6 - mean.f1)


def test_the_mean_of_one_seed_is_that_seed() -> None:
    bootstrap = Bootstrap({"a": outcomes("ccw" * 20), "b": outcomes("cww" * 20)}, resamples=500, seed=0)
    assert bootstrap.estimate("a", "a") == bootstrap.estimate("a")
    assert difference(bootstrap, ["a", "a"], ["b"]) == difference(bootstrap, ["a"], ["b"])
    with pytest.raises(ValueError, match="no arms"):
        bootstrap.estimate()


def test_the_mean_of_seeds_that_err_apart_is_surer_than_each() -> None:
    rng = np.random.default_rng(0)
    bootstrap = Bootstrap({seed: arm(rng.random(QUESTIONS) < 0.6) for seed in range(4)}, resamples=2000, seed=0)
    mean = bootstrap.sample(*range(4)).standard_error()
    assert mean == pytest.approx(bootstrap.sample(0).standard_error() / 2, rel=0.25)


def test_intervals_of_f1_and_accuracy_cover_the_truth_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    truths = rng.uniform(0.2, 0.9, size=4 * PART)
    estimates = []
    for part in range(4):
        of = truths[part * PART : (part + 1) * PART]
        arms = {i: arm(rng.random(QUESTIONS) < truth) for i, truth in enumerate(of)}
        bootstrap = Bootstrap(arms, resamples=1000, seed=part)
        estimates += [bootstrap.estimate(i) for i in arms]
    assert 0.93 < coverage((each.f1_ci for each in estimates), f1_of(truths)) < 0.97
    assert 0.93 < coverage((each.accuracy_ci for each in estimates), truths) < 0.97


def test_intervals_of_the_paired_difference_cover_the_truth_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(2)
    # The chances that both, only a, only b, and neither are right.
    tables = rng.dirichlet((8, 3, 2, 5), size=4 * PART)
    truth_a, truth_b = tables[:, 0] + tables[:, 1], tables[:, 0] + tables[:, 2]
    estimates = []
    for part in range(4):
        arms = {}
        for i in range(part * PART, (part + 1) * PART):
            cell = rng.choice(4, size=QUESTIONS, p=tables[i])
            arms["a", i], arms["b", i] = arm(cell <= 1), arm(cell % 2 == 0)
        bootstrap = Bootstrap(arms, resamples=1000, seed=part)
        estimates += [difference(bootstrap, [("a", i)], [("b", i)]) for name, i in arms if name == "a"]
    assert 0.93 < coverage((each.f1_ci for each in estimates), f1_of(truth_a) - f1_of(truth_b)) < 0.97
    assert 0.93 < coverage((each.accuracy_ci for each in estimates), truth_a - truth_b) < 0.97


def test_intervals_of_a_difference_of_means_over_seeds_cover_the_truth_at_the_nominal_rate() -> None:
    """Three seeds against one, on questions whose difficulty all share."""
    rng = np.random.default_rng(3)
    estimates = []
    # The mean of 1 / (1 + exp(-x)) over the difficulties, by quadrature.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    means = [float(weights @ (1 / (1 + np.exp(-(shift + nodes)))) / weights.sum()) for shift in (0.8, 0.5)]
    for part in range(4):
        arms = {}
        for i in range(PART):
            difficulty = rng.normal(size=QUESTIONS)
            for seed, shift in enumerate((0.8, 0.8, 0.8, 0.5)):
                arms[i, seed] = arm(rng.random(QUESTIONS) < 1 / (1 + np.exp(-(shift + difficulty))))
        bootstrap = Bootstrap(arms, resamples=1000, seed=part)
        estimates += [difference(bootstrap, [(i, 0), (i, 1), (i, 2)], [(i, 3)]) for i in range(PART)]
    truth = f1_of(np.array(means))
    assert 0.93 < coverage((each.f1_ci for each in estimates), np.full(4 * PART, truth[0] - truth[1])) < 0.97


def test_the_statistics_of_fifty_candidates_on_gsm8k_take_under_two_seconds() -> None:
    arms = {str(i): outcomes("cwu"[i % 3] * 659 + "c" * 660) for i in range(50)}
    start = time.process_time()
    bootstrap = Bootstrap(arms, resamples=10_000, seed=0)
    for each in arms:
        bootstrap.estimate(each)
        difference(bootstrap, [each], ["0"])
    adjust([test.p for test in pairwise(arms).values()], "holm")
    assert time.process_time() - start < 2
