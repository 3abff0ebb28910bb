"""What the feedback says of answers on a task with five classes."""

from __future__ import annotations

import pytest
from five_classes import FIVE, of_five

from rewardsearch.feedback.answers import describe_answers, describe_lean
from rewardsearch.records import ClassScores
from rewardsearch.stats import Bootstrap

GOLD = "jafls" * 20


def scores(answers: str) -> ClassScores:
    found = Bootstrap({"arm": of_five(GOLD, answers)}, resamples=20, seed=0).class_scores("arm")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (GOLD, ""),
        ("j" * 100, "answers joy in 100 % where 20 % should be"),
        ("jafjs" * 20, "answers joy in 40 % where 20 % should be"),
        ("jafjsjafassjaffsjafss"[:20] * 5, "hardly answers love: 0 % where 20 % should be"),
        ("-" * 100, "hardly answers"),
    ],
)
def test_one_answer_for_everything_and_a_class_left_out_are_named(answers: str, said: str) -> None:
    found = describe_lean(scores(answers))
    assert found.startswith(said) and bool(found) == bool(said)


def test_shares_and_the_most_frequent_confusions_are_told() -> None:
    told = describe_answers(scores("jafl-" * 10 + "jjajl" * 10))
    assert all(name in told for name in FIVE) and "none of them in 10 %" in told
    assert "of 20 anger 10 right and 10 answered joy" in told and "of 20 surprise 0 right and 10 answered love" in told
