"""The numbers that verdicts carry."""

from __future__ import annotations

import pytest

from rewardsearch.records import LabelledCompletion, OutcomeKind, Row
from rewardsearch.validation.measures import correct_above_wrong, length_correlation, mean_by_kind


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
