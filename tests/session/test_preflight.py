"""Warnings before a search: a bundled policy on a task whose words it has never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from played import SMALL
from user_data import COLUMNS, hires, write_csv

from rewardsearch.config import parse_config
from rewardsearch.session.preflight import check


def warnings_of(model: str, **task: Any) -> tuple[str, ...]:
    sizes = {"train_rows": 64, "val_rows": 40, "test_rows": 40}
    data = {**SMALL, "task": {**sizes, **task}, "policy": {"model": model}, "train": {"prompts_per_step": 2}}
    return check(parse_config(data, "test"))


OWN = [("embedded", "arithmetic"), ("embedded-resume", "resume"), ("embedded-support", "contrast")]


@pytest.mark.parametrize(("model", "task"), OWN)
def test_a_bundled_policy_knows_every_word_of_the_rows_it_was_made_for(model: str, task: str) -> None:
    assert warnings_of(model, name=task) == ()


@pytest.mark.parametrize(("model", "task"), [("embedded", "resume"), ("embedded-resume", "arithmetic")])
def test_a_bundled_policy_that_lacks_words_of_the_task_is_a_warning(model: str, task: str) -> None:
    (warning,) = warnings_of(model, name=task)
    assert warning.startswith(f"policy.model: {model} ") and "% of the words" in warning and task in warning


def test_a_bundled_policy_that_lacks_words_of_a_users_table_is_a_warning(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "hires.csv", hires())
    warnings = warnings_of("embedded-resume", name="resume", data=data, columns=COLUMNS)
    assert any(line.startswith("policy.model: embedded-resume ") for line in warnings)
