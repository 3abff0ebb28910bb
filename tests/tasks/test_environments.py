"""`kind: verifiers`: rows and rubric of an environment in a process of its own, and what is refused.

verifiers is no part of the dev extra: it brings 52 packages (160 MB).
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from user_data import COLOURS_FORM

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.tasks import Task, load_task, task_code
from rewardsearch.testing.task import TaskSuite

COLOURS = Path(__file__).parents[1] / "outside" / "colours_env.py"
SIZES = {"train_rows": 30, "val_rows": 10, "test_rows": 10}


def config_of(**more: Any) -> TaskConfig:
    task = {"kind": "verifiers", "environment": str(COLOURS), "form": COLOURS_FORM}
    return parse_config({"task": task | SIZES | more}, "test").task


loaded = lru_cache(load_task)
"""An environment is loaded once for all tests of it."""


def needs_verifiers() -> None:
    pytest.importorskip("verifiers", reason="verifiers is an extra: pip install 'rewardsearch[verifiers]'")


class TestColours(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        needs_verifiers()
        return config_of(columns=["info"])

    @pytest.fixture
    def task(self, config: TaskConfig) -> Task:
        return loaded(config)


def test_the_rubric_judges_by_its_sum_or_by_one_function() -> None:
    needs_verifiers()
    task = loaded(config_of(columns=["info"]))
    row = task.rows("train")[0]
    right, long = f"<answer>{row.answer.upper()}</answer>", "so " * 30
    kinds = [task.outcome(row, text).kind for text in (right, long + right, "<answer>mud</answer>", "mud", "")]
    assert kinds == ["correct", "correct", "wrong", "unparsed", "unparsed"]
    for more, kind in (({"min_score": 1.1}, "wrong"), ({"reward_function": "is_short"}, "wrong")):
        assert load_task(config_of(**more)).outcome(row, long + right).kind == kind


def test_rows_of_the_second_data_set_are_the_test_rows() -> None:
    needs_verifiers()
    source = load_task(config_of(arguments={"eval_rows": True})).source
    assert source.found == {"train": 97, "val": 23, "test": 40} or sum((source.found or {}).values()) == 160
    assert sum(source.left_out.values()) == 20


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"arguments": {"kind": "TwoTurns"}}, "several turns"),
        ({"arguments": {"kind": "ToolEnv"}}, "tools"),
        ({"arguments": {"rubric": "judge"}}, "model server"),
        ({"arguments": {"rubric": "group"}}, "with each other"),
        ({"arguments": {"rubric": "none"}}, "KeyError"),
        ({"reward_function": "is_shorter"}, "is_short"),
        ({"environment": "no-such-env"}, "no_such_env"),
    ],
)
def test_an_environment_that_cannot_be_used_is_refused_in_a_line(
    settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_verifiers()
    monkeypatch.setenv("OPENAI_API_KEY", "not for environments")
    with pytest.raises(UserError) as refused:
        load_task(config_of(**settings)).rows("train")
    (line,) = refused.value.mistakes
    assert line.startswith("task.environment") and says in line


def test_a_form_that_the_rubric_does_not_read_is_refused_with_the_row() -> None:
    needs_verifiers()
    task = load_task(config_of(form="boxed"))
    with pytest.raises(UserError, match=r"task\.environment.*task\.form") as refused:
        task.check()
    assert task.rows("train")[0].id in str(refused.value)
    with pytest.raises(UserError, match=r"returned False.*fails: 'colour'"):
        load_task(config_of(arguments={"rubric": "failing"})).check()


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"data": "a.csv"}, "task.data"), ({"environment": None}, "task.environment"), ({}, "rewardsearch[verifiers]")],
)
def test_a_setting_that_cannot_be_is_refused(
    settings: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(UserError) as refused:
        load_task(config_of(**settings))
    assert says in str(refused.value)


def test_results_depend_on_the_code_of_the_environment() -> None:
    assert task_code(config_of()) == COLOURS and task_code(config_of(environment="org/json")) is not None
