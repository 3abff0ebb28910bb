"""What is told before a search: a carried policy on a task whose words it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from own_data import COLUMNS, hires, write_csv
from played import SMALL

from rewardsearch.config import parse_config
from rewardsearch.session.preflight import check


def warnings_of(model: str, **task: Any) -> tuple[str, ...]:
    sizes = {"train_rows": 64, "val_rows": 40, "test_rows": 40}
    data = {**SMALL, "task": {**sizes, **task}, "policy": {"model": model}, "train": {"prompts_per_step": 2}}
    return check(parse_config(data, "test"))


@pytest.mark.parametrize(("model", "task"), [("embedded", "arithmetic"), ("embedded-resume", "resume")])
def test_a_carried_policy_on_its_own_task_is_no_warning(model: str, task: str) -> None:
    assert warnings_of(model, name=task) == ()


@pytest.mark.parametrize(("model", "task"), [("embedded", "resume"), ("embedded-resume", "arithmetic")])
def test_a_carried_policy_on_another_task_is_told(model: str, task: str) -> None:
    (told,) = warnings_of(model, name=task)
    assert told.startswith(f"policy.model: got {model}, which knows the words of the generated ")
    assert f"for task.name {task} name a folder" in told


def test_a_carried_policy_on_ones_own_table_is_told(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "hires.csv", hires())
    told = warnings_of("embedded-resume", name="resume", data=data, columns=COLUMNS)
    assert any(line.startswith("policy.model: got embedded-resume") and "hires.csv" in line for line in told)
