"""An export of rewards for a task with classes says how gold answers are written, and holds the data set to it."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fakes import make_run
from user_data import COLUMNS, hires, write_csv

from rewardsearch.exporters import ExportSelection, export, load_exporter, select_rewards
from rewardsearch.records import BASELINE, RewardSpec
from rewardsearch.run.journal import read_run
from rewardsearch.tasks import load_task
from rewardsearch.tasks.equal import Number, Text

RIGHT = "def reward(prompts, completions, answer, **columns):\n    return [float(a in c) for c, a in zip(completions, answer)]\n"
CLASSES = ("SELECTED", "REJECTED")
REWARDS = (RewardSpec(id="base:right", name="right", code=RIGHT), RewardSpec(id="a1", name="golds", code=RIGHT))
OWN = ExportSelection(
    source="demo",
    rewards=REWARDS,
    classes=CLASSES,
    labels={"SELECTED": ('h"ired\\', "offer"), "REJECTED": ("abgelehnt – é\n",)},
    label_column='"""decision',
)
WRITTEN = "Gold answers are written SELECTED or REJECTED"


def module_of(selection: ExportSelection, folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported", export("trl", selection, folder)[0])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(text: str | None) -> str:
    return " ".join((text or "").split())


def test_module_and_readme_name_the_classes_and_what_the_users_labels_meant(tmp_path: Path) -> None:
    module = module_of(OWN, tmp_path)
    meant = "column '\"\"\"decision' had 'h\"ired\\\\' and 'offer' for SELECTED, 'abgelehnt – é\\n' for REJECTED"
    for text in (module.__doc__, (tmp_path / "README.md").read_text(encoding="utf-8")):
        assert WRITTEN in words(text) and meant in words(text)
    assert module.CLASSES == CLASSES


@pytest.mark.parametrize("gold", ["hired", "selected", " SELECTED", None, 1])
def test_a_gold_value_that_is_no_class_is_refused_with_what_is_allowed(tmp_path: Path, gold: Any) -> None:
    module = module_of(OWN, tmp_path)
    with pytest.raises(ValueError) as caught:
        module.trl_reward(prompts=["p", "p"], completions=["c", "c"], answer=["SELECTED", gold])
    message = f"the column 'answer': got the gold answer {gold!r}; allowed: SELECTED or REJECTED"
    assert str(caught.value).startswith(message)
    assert module.trl_reward(prompts=["p"], completions=["SELECTED"], answer=["SELECTED"]) == [2.0]


def test_a_task_without_classes_takes_any_gold_answer(tmp_path: Path) -> None:
    selection = ExportSelection(source="demo", rewards=REWARDS)
    module = module_of(selection, tmp_path)
    assert module.trl_reward(completions=["it is 7", "hired"], answer=[7, "hired"]) == [2.0, 2.0]
    texts = load_exporter("trl").files(selection)
    assert not any("Gold answers" in text for text in texts.values()) and not hasattr(module, "CLASSES")


@pytest.mark.parametrize(
    ("golds", "written", "seen"),
    [
        ("number", ["1/4", "1,234", "5 %", 7, "so it is #### 3"], ["0.25", "1234", "5", "7", "3"]),
        ("text", ["1,234", " A b", 7, True], ["1,234", "A b", "7", "true"]),
    ],
)
def test_gold_answers_are_read_as_the_task_reads_them(
    tmp_path: Path, golds: Any, written: list[Any], seen: list[str]
) -> None:
    equality = {"number": Number, "text": Text}[golds]()
    assert [equality.gold(value) for value in written] == seen
    module = module_of(ExportSelection(source="demo", rewards=REWARDS, golds=golds), tmp_path)
    assert module.trl_reward(completions=seen, answer=written) == [2.0] * len(seen)
    with pytest.raises(ValueError, match="the column 'answer'"):
        module.trl_reward(completions=["c"], answer=["1/3" if golds == "number" else None])


def test_a_run_on_the_users_table_is_exported_with_its_map_of_labels(tmp_path: Path, write_reward: Any) -> None:
    state = read_run(make_run(tmp_path / "run", [write_reward("always", "0.5")]))
    assert select_rewards(state, state.rankings[-1], arm=BASELINE).classes is None
    data = write_csv(tmp_path / "hires.csv", hires())
    own = {"name": "resume", "data": data, "columns": state.config.task.columns.model_validate(COLUMNS)}
    state.config = state.config.model_copy(update={"task": state.config.task.model_copy(update=own)})
    selection = select_rewards(state, state.rankings[-1], arm=BASELINE)
    assert selection.classes == load_task(state.config.task).classes == CLASSES
    assert (selection.labels, selection.label_column) == (
        {"SELECTED": ("hired", "offer"), "REJECTED": ("declined",)},
        "decision",
    )
    for unsaid in ({"data": None}, {"columns": type(state.config.task.columns)()}):
        task = state.config.task.model_copy(update=unsaid)
        state.config = state.config.model_copy(update={"task": task})
        selection = select_rewards(state, state.rankings[-1], arm=BASELINE)
        assert (selection.classes, selection.labels) == (CLASSES, {})
        module = load_exporter("trl").files(selection)["rewardsearch_reward.py"]
        assert f"{WRITTEN}; any other value is an error. Licence" in words(ast.get_docstring(ast.parse(module)))
