"""The numbers that verdicts carry: on labelled completions, and within groups, against scipy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rewardsearch.records import LabelledCompletion, OutcomeKind, Row
from rewardsearch.stats import centred_ranks, rank_correlation
from rewardsearch.validation.measures import (
    auc,
    concordance,
    correct_above_wrong,
    length_correlation,
    mean_by_kind,
    spread,
    zero_std,
)

RNG = np.random.default_rng(0)


def test_the_auc_of_one_group_is_mann_whitneys() -> None:
    for _ in range(20):
        rewards, correct = RNG.integers(0, 4, (1, 12)).astype(float), RNG.random((1, 12)) < 0.4
        found = auc(rewards, correct)
        if correct.any() and not correct.all():
            u = stats.mannwhitneyu(rewards[correct], rewards[~correct]).statistic
            assert found is not None
            assert found.value == pytest.approx(u / (correct.sum() * (~correct).sum()))
        else:
            assert found is None


def test_the_auc_compares_completions_of_the_same_question_alone() -> None:
    rewards = np.array([[9.0, 8.0, 8.0], [2.0, 1.0, 1.0], [5.0, 5.0, 5.0]])
    correct = np.array([[True, False, False], [True, False, False], [True, True, True]])
    found = auc(rewards, correct)
    assert found is not None
    assert (found.value, found.se) == (1.0, 0.0)


def test_the_auc_among_some_completions_leaves_the_others_out() -> None:
    rewards = np.array([[2.0, 3.0, 1.0]])
    correct = np.array([[True, False, False]])
    among = auc(rewards, correct, np.array([[True, False, True]]))
    assert among is not None
    assert among.value == 1.0
    assert auc(rewards, correct, np.array([[True, False, False]])) is None


def test_the_standard_error_of_the_auc_is_its_spread_over_draws_of_questions() -> None:
    values, errors = [], []
    for _ in range(400):
        correct = RNG.random((60, 8)) < RNG.random((60, 1))
        leaning = RNG.normal(0, 1, (60, 1))
        found = auc(RNG.normal(0, 1, (60, 8)) + leaning * correct, correct)
        assert found is not None
        values.append(found.value)
        errors.append(found.se)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


def test_an_auc_is_clearly_above_or_below_by_its_standard_errors() -> None:
    found = auc(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), np.array([[True, False]] * 4))
    assert found is not None
    assert (found.value, found.se) == (0.75, pytest.approx(0.25))
    assert found.above(0.2, 2) and not found.above(0.3, 2)
    assert found.below(1.3, 2) and not found.below(1.2, 2)


def test_ranks_are_the_mean_ranks_within_groups_and_cells() -> None:
    values = RNG.integers(0, 4, (10, 7)).astype(float)
    expected = np.array([stats.rankdata(line) for line in values]) - 4
    assert centred_ranks(values) == pytest.approx(expected)
    cells = np.array([[0, 0, 1, 1, 1, 2, 0]] * 10)
    within = centred_ranks(values, cells)
    for line in range(10):
        for cell in range(3):
            own = cells[line] == cell
            ranks = stats.rankdata(values[line, own])
            assert within[line, own] == pytest.approx(ranks - ranks.mean())


def test_the_rank_correlation_of_one_group_is_spearmans() -> None:
    a, b = RNG.normal(0, 1, (1, 9)), RNG.normal(0, 1, (1, 9))
    assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a[0], b[0]).statistic)
    assert rank_correlation(a, np.ones((1, 9))) is None


def test_what_differs_between_groups_alone_is_no_correlation() -> None:
    level = np.array([[0.0], [10.0], [20.0]])
    a, b = level + np.array([1, 2, 3]), level + np.array([3, 2, 1])
    assert rank_correlation(a, b) == pytest.approx(-1)
    assert concordance(a, b) == pytest.approx(-1)


def test_concordance_tells_a_reward_from_its_multiple_and_not_from_its_shift() -> None:
    values = RNG.normal(0, 1, (5, 8))
    assert concordance(values, values + 3) == pytest.approx(1)
    # 2k / (1 + k^2) for a multiple of k.
    assert concordance(values, 2 * values) == pytest.approx(0.8)
    assert concordance(np.ones((2, 3)), np.zeros((2, 3))) is None


def test_groups_without_spread_are_dead() -> None:
    values = np.array([[1.0, 1.0], [1.0, 2.0]])
    assert zero_std(values).tolist() == [True, False]
    assert spread(values) == 0.25


def item(completion: str, kind: OutcomeKind, row: str = "r") -> LabelledCompletion:
    return LabelledCompletion(row=Row(id=row, prompt="q", answer="1"), completion=completion, kind=kind)


def test_means_are_by_kind_and_absent_kinds_left_out() -> None:
    items = [item("a", "correct"), item("b", "correct"), item("c", "wrong")]
    assert mean_by_kind(items, [1.0, 2.0, 5.0]) == {"correct": 1.5, "wrong": 5.0}


def test_a_wrong_completion_is_compared_with_the_correct_one_nearest_in_length() -> None:
    items = [
        item("x" * 50, "correct"),
        item("x" * 5, "correct"),
        item("x" * 6, "wrong"),
        item("x" * 6, "correct", "other"),
    ]
    assert correct_above_wrong(items, [0.0, 3.0, 1.0, 9.0]) == 2.0
    assert correct_above_wrong(items[:2], [0.0, 1.0]) is None


def test_length_correlation_is_within_kinds() -> None:
    items = [item("x" * n, "correct") for n in (5, 6, 7)] + [item("x" * n, "wrong") for n in (1, 2, 3)]
    assert length_correlation(items, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]) == 0.0
    assert length_correlation(items, [1.0, 2.0, 3.0, 0.1, 0.2, 0.3]) == pytest.approx(1.0)
    assert length_correlation(items, [3.0, 2.0, 1.0, 0.3, 0.2, 0.1]) == pytest.approx(-1.0)
