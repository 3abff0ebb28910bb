"""Each name that the behaviour checks give to what games a reward is on the page about validation."""

from __future__ import annotations

import re

import pytest
from class_banks import TASK as CLASS_TASK
from measured import MeasuredTask

from rewardsearch.config import TaskConfig
from rewardsearch.files.resources import PACKAGE
from rewardsearch.tasks import Task
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.validation.exploits import CONTROLS, class_forms, exploits, is_constant

PAGE = (PACKAGE.parent / "docs" / "validation.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `exploit:")]


def named(rows: list[str]) -> set[str]:
    """Names of exploits in the first column of the table of flags."""
    return {name.removeprefix("exploit:") for row in rows for name in re.findall("`(.*?)`", row)}


@pytest.mark.parametrize("task", [ArithmeticTask(TaskConfig(train_rows=8)), CLASS_TASK, MeasuredTask()])
def test_the_page_names_every_exploit(task: Task) -> None:
    names = {each.name for each in exploits(task.labelled(8), task)} - CONTROLS
    documented = {"always-<CLASS>" if is_constant(name) else name for name in names}
    assert len(documented) > 12 and documented - named(ROWS) == set()


def test_the_page_names_no_exploit_that_is_not_tried() -> None:
    tasks = (ArithmeticTask(TaskConfig(train_rows=8)), MeasuredTask())
    tried = {each.name for task in tasks for each in exploits(task.labelled(8), task)} - CONTROLS
    tried |= {name for name, _ in class_forms(CLASS_TASK.answer_form, CLASS_TASK.classes)} | {"always-<CLASS>"}
    assert named(ROWS) - tried == set()
