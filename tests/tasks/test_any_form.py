"""What counts as right in any form, beside what the asked form says."""

from __future__ import annotations

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.records import Row
from rewardsearch.tasks import load_task


@pytest.mark.parametrize(
    ("completion", "right"),
    [
        ("<thinking> 9 + 8 = 17. </thinking> <solution> 17 </solution>", True),
        ("<thinking> 9 + 8 = 17. </thinking> <solution> 18 </solution>", False),
        ("<solution> 18 </solution> The answer is 17.", False),
        ("<solution> 17 apples, not 5 pears: 17 </solution>", True),
        ("<thinking> 5 </thinking> <solution> 17", True),
        ("<solution> </solution> 17", True),
        ("The answer is 17.", True),
        ("9 + 8 = 17. The answer is 18.", False),
        ("The answer is 9 + 8 = 17. That uses both 9 and 8.", True),
        ("**Answer:** 17\n\nCheck: 17 - 8 = 9", True),
        (r"So \boxed{17} after 2 steps", True),
        ("9 + 8 = 17\n#### 17 (3 of 4)", True),
        ("9 + 8 = $17.00.", True),
        ("34 - 17", True),
        ("The answer is 17, as 9 + 8 is.", True),
        ("3, 4, 17", True),
        ("It is -17", False),
        ("no number", False),
        ("", False),
    ],
)
def test_a_number_is_right_wherever_it_is_answered(completion: str, right: bool) -> None:
    row = Row(id="1", prompt="q", answer="17")
    assert load_task(TaskConfig()).right_in_any_form(row, completion) == right


def test_a_negative_number_is_read_with_its_sign() -> None:
    task, row = load_task(TaskConfig()), Row(id="1", prompt="q", answer="-17")
    assert task.right_in_any_form(row, "The answer is -17.") and task.right_in_any_form(row, "it is \u221217")
    assert not task.right_in_any_form(row, "34 - 17")


@pytest.mark.parametrize(
    ("completion", "right"),
    [
        ("<thinking> no </thinking> <solution> selected </solution>", True),
        ("<solution> REJECTED </solution> SELECTED", False),
        ("all of it is there. SELECTED", True),
        ("REJECTED at first sight, yet SELECTED", True),
        ("the person should be selected.", True),
        ("the person is not SELECTED: REJECTED", False),
        ("SELECTED, as few are rejected", True),
        ("unselected", False),
        ("", False),
    ],
)
def test_a_class_is_right_wherever_it_is_named(completion: str, right: bool) -> None:
    task = load_task(TaskConfig(name="resume", train_rows=2, val_rows=2, test_rows=2))
    assert task.right_in_any_form(Row(id="1", prompt="q", answer="SELECTED"), completion) == right
