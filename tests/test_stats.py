import math
import time

import numpy as np
import pytest
from fakes import outcomes
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as reference

from rewardsearch.stats import Bootstrap, adjust, f1_accuracy, mcnemar, resampled_totals


def test_f1_counts_wrong_as_false_positive_and_unparsed_as_false_negative() -> None:
    metrics = f1_accuracy(outcomes("cccwwuuuuu"))
    assert (metrics.correct, metrics.wrong, metrics.unparsed) == (3, 2, 5)
    assert metrics.f1 == 2 * 3 / (2 * 3 + 2 + 5)
    assert metrics.accuracy == 0.3
    assert metrics.parse_rate == 0.5
    assert metrics.f1 == pytest.approx(2 * 0.3 / 1.3)


def test_an_arm_that_is_never_right_scores_zero() -> None:
    assert f1_accuracy(outcomes("wu")).f1 == 0
    with pytest.raises(ValueError, match="no outcomes"):
        f1_accuracy(())


def test_resampled_totals_equal_those_of_drawing_question_by_question() -> None:
    values = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    drawn = np.random.default_rng(3).integers(0, 3, size=(5, 3))
    assert resampled_totals(values, 5, 3).tolist() == values[drawn].sum(axis=1).tolist()


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
    difference = bootstrap.difference("a", "b")
    assert difference.accuracy == pytest.approx(0.01)
    assert difference.accuracy_ci[0] == 0 and difference.accuracy_ci[1] <= 0.04
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


def test_fifty_candidates_on_gsm8k_take_under_two_seconds() -> None:
    arms = {str(i): outcomes("cwu"[i % 3] * 659 + "c" * 660) for i in range(50)}
    start = time.process_time()
    bootstrap = Bootstrap(arms, resamples=10_000, seed=0)
    for arm in arms:
        bootstrap.estimate(arm)
        bootstrap.difference(arm, "0")
    assert time.process_time() - start < 2


def test_mcnemar_matches_questions_by_id() -> None:
    a, b = outcomes("ccwu"), tuple(reversed(outcomes("cwcu")))
    test = mcnemar(a, b)
    assert (test.both, test.only_a, test.only_b, test.neither) == (1, 1, 1, 1)


def test_mcnemar_counts_only_questions_that_both_answered() -> None:
    test = mcnemar(outcomes("cccc"), outcomes("ww", first=3))
    assert (test.both, test.only_a, test.only_b, test.neither) == (0, 1, 0, 0)


def test_mcnemar_is_exact_while_discordant_pairs_are_few() -> None:
    test = mcnemar(outcomes("c" * 20 + "w" * 5 + "c" * 75), outcomes("w" * 20 + "c" * 5 + "c" * 75))
    assert test.p_exact == pytest.approx(binomtest(5, 25).pvalue)
    assert test.p == test.p_exact


def test_mcnemar_is_chi_square_with_continuity_correction_beyond() -> None:
    test = mcnemar(outcomes("c" * 20 + "w" * 6), outcomes("w" * 20 + "c" * 6))
    assert test.p_chi2 == pytest.approx(reference([[0, 20], [6, 0]], exact=False, correction=True).pvalue)
    assert test.p == test.p_chi2


def test_arms_that_agree_everywhere_do_not_differ() -> None:
    test = mcnemar(outcomes("cwu"), outcomes("cuw"))
    assert (test.p_exact, test.p_chi2, test.p) == (1, 1, 1)


def test_corrections_by_hand() -> None:
    assert adjust([0.01, 0.04, 0.03], "bonferroni") == pytest.approx([0.03, 0.12, 0.09])
    assert adjust([0.01, 0.04, 0.03], "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([], "holm") == []
