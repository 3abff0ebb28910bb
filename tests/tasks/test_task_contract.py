"""The built-in tasks pass the contract suite, on generated rows and on a user's data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from user_data import hires, own_config, write_csv

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks import load_task
from rewardsearch.testing.task import TaskSuite

SIZES = {"train_rows": 16, "val_rows": 8, "test_rows": 8}


class TestArithmetic(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig(name="arithmetic", **SIZES)


class TestGsm8k(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig(name="gsm8k", sample=True, **(SIZES | {"train_rows": 50}))


class TestGeneratedResumes(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig(name="resume", **SIZES)


class TestAUsersResumes(TaskSuite):
    @pytest.fixture
    def config(self, tmp_path: Path) -> TaskConfig:
        return own_config(write_csv(tmp_path / "hires.csv", hires(100)), **(SIZES | {"train_rows": 60}))


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"train_file": "a", "test_file": "b"}, ("task.train_file", "task.test_file")),
        ({"data": "a.csv"}, ("task.data",)),
        ({"sample": True}, ("task.sample",)),
        ({"name": "gsm8k", "data": "a.csv"}, ("task.data",)),
        ({"name": "resume", "columns": ["age"]}, ("task.columns",)),
        ({"prompt": "q", "group": ["a"]}, ("task.prompt", "task.group")),
        ({"name": "resume", "train_file": "a", "test_file": "b"}, ("task.train_file", "task.test_file")),
    ],
)
def test_data_that_a_task_does_not_read_are_refused(settings: dict[str, Any], keys: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as refused:
        load_task(TaskConfig(**settings))
    assert all(key in str(refused.value) for key in keys) and settings.get("name", "arithmetic") in str(refused.value)
