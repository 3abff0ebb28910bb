import numpy as np
import pytest
from fakes import outcomes
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from rewardsearch.records import Outcome
from rewardsearch.stats import f1_accuracy, right_table

KINDS = st.text("cwu", min_size=1, max_size=60)


def test_f1_counts_wrong_as_false_positive_and_unparsed_as_false_negative() -> None:
    metrics = f1_accuracy(outcomes("cccwwuuuuu"))
    assert (metrics.correct, metrics.wrong, metrics.unparsed) == (3, 2, 5)
    assert metrics.f1 == 2 * 3 / (2 * 3 + 2 + 5)
    assert (metrics.accuracy, metrics.precision, metrics.recall, metrics.parse_rate) == (0.3, 3 / 5, 3 / 8, 0.5)


def test_an_arm_that_is_never_right_scores_zero() -> None:
    for kinds in ("wu", "w", "u"):
        metrics = f1_accuracy(outcomes(kinds))
        assert (metrics.f1, metrics.accuracy, metrics.precision, metrics.recall) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="no outcomes"):
        f1_accuracy(())


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_scikit_learn_on_random_vectors_with_unparsed_answers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, size=rng.integers(1, 400))
    # -1 is no answer, in anything from none to all of the vector.
    prediction = np.where(rng.random(gold.size) < rng.random(), rng.integers(0, 3, size=gold.size), -1)
    kinds = ["correct" if p == g else "wrong" if p >= 0 else "unparsed" for g, p in zip(gold, prediction, strict=True)]
    metrics = f1_accuracy(
        Outcome(id=str(i), kind=kind, gold="", prediction=None, length=0) for i, kind in enumerate(kinds)
    )
    # As a detector: an answer is a call; it should have been made unless it is wrong.
    called, due = prediction >= 0, (prediction == gold) | (prediction < 0)
    assert metrics.f1 == pytest.approx(f1_score(due, called, zero_division=0), abs=1e-12)
    assert metrics.precision == pytest.approx(precision_score(due, called, zero_division=0), abs=1e-12)
    assert metrics.recall == pytest.approx(recall_score(due, called, zero_division=0), abs=1e-12)
    assert metrics.accuracy == pytest.approx(accuracy_score(gold, prediction), abs=1e-12)


@given(KINDS)
def test_f1_is_twice_the_accuracy_over_one_plus_the_accuracy(kinds: str) -> None:
    metrics = f1_accuracy(outcomes(kinds))
    assert metrics.f1 == pytest.approx(2 * metrics.accuracy / (1 + metrics.accuracy), rel=1e-15)


@given(KINDS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(kinds: str) -> None:
    metrics = f1_accuracy(outcomes(kinds))
    both = metrics.precision + metrics.recall
    assert metrics.f1 == pytest.approx(2 * metrics.precision * metrics.recall / both if both else 0)


@pytest.mark.parametrize(("f1", "accuracy"), [(0.795, 0.660), (0.609, 0.438), (0.047, 0.024)])
def test_the_literatures_f1_scores_are_these_accuracies(f1: float, accuracy: float) -> None:
    right = round(1000 * accuracy)
    for rest in ("w" * (1000 - right), "u" * (1000 - right)):
        assert round(f1_accuracy(outcomes("c" * right + rest)).f1, 3) == f1
    assert round(f1 / (2 - f1), 3) == accuracy


def test_the_table_of_right_answers_goes_by_question_id() -> None:
    ids, table = right_table({"a": outcomes("cwu"), "b": outcomes("wwc")[::-1]})
    assert ids == ("q0", "q1", "q2")
    assert table.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_a_question_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="q1 has two outcomes"):
        right_table({"a": (*outcomes("cw"), *outcomes("c", first=1))})
