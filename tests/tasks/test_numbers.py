"""The reader of numbers and gold answers, and what the tasks make of it."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from number_texts import NUMBER_TEXTS

from rewardsearch.config import TaskConfig
from rewardsearch.records import Row
from rewardsearch.tasks import load_task
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.equal import Digits
from rewardsearch.tasks.forms import TAGS
from rewardsearch.tasks.labelled import Worked, labelled_completions
from rewardsearch.tasks.numbers import gold_number, read_number


def kind_of(text: str, gold: str) -> str:
    row = Row(id="1", prompt="q", answer=gold)
    return load_task(TaskConfig()).outcome(row, f"<thinking> x </thinking> <solution> {text} </solution>").kind


@pytest.mark.parametrize(("text", "value"), NUMBER_TEXTS.items(), ids=ascii)
def test_a_text_is_a_number_or_none(text: str, value: str | None) -> None:
    number = read_number(text)
    assert number == (None if value is None else Decimal(value))
    assert gold_number(text) == gold_number(f"3 + 4 = 7\n#### {text}") == value
    assert kind_of(text, "123") == ("unparsed" if value is None else "wrong")
    if value is not None:
        assert kind_of(text, value) == "correct"


@pytest.mark.parametrize(
    ("value", "gold"),
    [
        ("12+5=<<12+5=17>>17\n#### 17", "17"),
        ("#### 1\n#### 2,000", "2000"),
        ("####-3", "-3"),
        (3, "3"),
        (-3, "-3"),
        (2.50, "2.5"),
        (10**30, "1" + "0" * 30),
        ("12 + 5 = 17", None),
        ("#### 17 apples", None),
        ("#### 17\nThat is all.", None),
        ("17 ####", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ([17], None),
        ({"answer": 17}, None),
    ],
)
def test_a_gold_answer_is_a_number_or_a_solution_that_ends_in_one(value: object, gold: str | None) -> None:
    assert gold_number(value) == gold


@pytest.mark.parametrize(
    "text", ["- " + " " * 100_000 + "3", "1" + ",000" * 50_000 + "x", "9" * 200_000, "-" * 200_000]
)
def test_long_texts_are_read_at_once(text: str) -> None:
    start = time.perf_counter()
    read_number(text)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("gold", ["17", "-3", "2.5", "0", "9007199254740993", "9" * 60])
def test_labelled_completions_of_any_gold_number_are_what_they_say(gold: str) -> None:
    worked = [Worked(Row(id=str(i), prompt="q", answer=gold), ("3 + 4 = 7.",), "") for i in range(4)]
    answers = Answers(TAGS, Digits())
    labelled = labelled_completions(worked, answers)
    assert {item.kind for item in labelled} == {"correct", "wrong", "unparsed"}
    assert all(answers.outcome(item.row, item.completion).kind == item.kind for item in labelled)
