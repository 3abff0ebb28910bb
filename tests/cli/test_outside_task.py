"""A task from outside the package, tests/outside/task.py: its contract, the commands, and a whole search."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from played import Quiet

from rewardsearch.config import TaskConfig, load_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.run.environment import environment_of
from rewardsearch.tasks import load_task
from rewardsearch.testing.task import TaskSuite

OUTSIDE = Path(__file__).parents[1] / "outside"
CAPITALS = {
    "name": f"{OUTSIDE / 'task.py'}:Capitals",
    "data": str(OUTSIDE / "capitals.jsonl"),
    "train_rows": 30,
    "val_rows": 8,
    "test_rows": 8,
}
SMALL = {
    "rounds": 1,
    "candidates": 1,
    "propose": {"proposer": "folder", "folder": "rewards"},
    "bank": {"enabled": False},
    "train": {
        "steps": 1,
        "prompts_per_step": 2,
        "group_size": 2,
        "slots": 1,
        "baseline_seeds": 1,
        "max_completion_tokens": 8,
    },
    "race": {"enabled": False},
    "rank": {"resamples": 100, "min_correct": 0},
    "finalize": {"enabled": False},
}
NAMES_THE_CITY = """\
\"\"\"Pays the city in the solution tag, and a little for a completion that names it elsewhere.\"\"\"

import re


def score(completion, gold):
    tag = re.search("<solution>(.*?)</solution>", completion, re.DOTALL)
    if tag is None:
        return 0.0
    return 2.0 if tag.group(1).strip().casefold() == gold.casefold() else -1.0


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer)]
"""


class TestCapitals(TaskSuite):
    @pytest.fixture
    def config(self) -> TaskConfig:
        return TaskConfig(**CAPITALS)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config with the task, its data and a reward beside it, all named by relative paths."""
    for name in ("task.py", "capitals.jsonl"):
        shutil.copy(OUTSIDE / name, tmp_path)
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "names_the_city.py").write_text(NAMES_THE_CITY, encoding="utf-8")
    task = CAPITALS | {"name": "task.py:Capitals", "data": "capitals.jsonl"}
    path = tmp_path / "capitals.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"task": task}), encoding="utf-8")
    return path


def test_its_rewards_are_validated(cli: Any, config: Path) -> None:
    reward = config.parent / "rewards" / "names_the_city.py"
    done = cli("validate", reward, "--config", config, "--json")
    assert done.code == 0, done.out + done.err
    numbers = config.parent / "numbers.py"
    numbers.write_text(NAMES_THE_CITY.replace("gold.casefold()", "float(gold)"), encoding="utf-8")
    task = ("--task", f"{config.parent / 'task.py'}:Capitals", f"--set=task.data={config.parent / 'capitals.jsonl'}")
    done = cli("validate", numbers, *task, "--json")
    (refused,) = json.loads(done.out)
    assert done.code == 4 and not refused["accepted"] and "not a number" in refused["reason"]


def test_a_language_model_is_asked_without_examples_of_numbers(cli: Any, config: Path) -> None:
    asked = cli("prompt", config, "--set", "propose.proposer=llm")
    assert asked.code == 0, asked.err
    assert "Capital cities." in asked.out and "Two examples" not in asked.out
    assert "Paris" not in asked.out, "rows of task.data stay on this machine"


def test_its_rows_are_shown(cli: Any, config: Path) -> None:
    sheet = json.loads(cli("data", config, "--json").out)
    assert (sheet["task"], sheet["source"], sheet["read"]) == ("capitals", "capitals.jsonl", {"capitals.jsonl": 60})
    assert [each["rows"] for each in sheet["splits"]] == [30, 8, 8]
    assert sheet["example"]["row"]["columns"] == {"country": sheet["example"]["row"]["id"]}


def test_a_whole_search_runs_on_it_and_its_reward_is_exported(cli: Any, config: Path, tmp_path: Path) -> None:
    settings = load_config(config)
    assert settings.task.name == f"{tmp_path / 'task.py'}:Capitals"
    state = search(settings, tmp_path / "run", Quiet())
    (candidate,) = state.candidates.values()
    assert state.results[candidate.id].status == "done" and len(state.results[candidate.id].outcomes) == 8
    assert {outcome.gold for outcome in state.results[candidate.id].outcomes} <= {
        row.answer for row in load_task(settings.task).rows("val")
    }
    rows = json.loads(cli("leaderboard", tmp_path / "run", "--json").out)
    assert rows["task"] == "task.py:Capitals" and str(tmp_path) not in json.dumps(rows["task"])
    assert cli("export", tmp_path / "run", "--to", "trl", "-o", tmp_path / "out").code == 0


def test_its_code_and_data_are_among_what_results_depend_on(config: Path) -> None:
    before = environment_of(load_config(config))
    assert (
        environment_of(load_config(config, ["task.name=arithmetic", "task.data=null"])).code.keys() < before.code.keys()
    )
    assert load_config(config).task.data_files(test=False) == (str(config.parent / "capitals.jsonl"),)
    other = config.with_name("other.py")
    other.write_text((config.parent / "task.py").read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    after = environment_of(load_config(config, ["task.name=other.py:Capitals"]))
    assert before.code["task.py:Capitals"] != after.code["other.py:Capitals"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gsm9k", ("'gsm9k'", "arithmetic, contrast, gsm8k, resume")),
        ("missing.py:Capitals", ("missing.py",)),
        ("task.py:Towns", ("task.py", "'Towns'")),
        ("no.such.module:Task", ("no.such.module",)),
        ("half.py:Half", ("half.py:Half", "demonstrations, labelled, outcome")),
    ],
)
def test_a_mistake_in_the_name_is_one_line_before_anything_starts(
    cli: Any, config: Path, name: str, says: tuple[str, ...]
) -> None:
    (config.parent / "half.py").write_text(
        "from rewardsearch.tasks import Task\n\n\nclass Half(Task):\n    def rows(self, split):\n        return []\n",
        encoding="utf-8",
    )
    done = cli("run", config, "--set", f"task.name={name}", "--run-dir", config.parent / "run")
    assert done.code == 2 and len(done.err.strip().splitlines()) == 1, done.err
    assert done.err.startswith("error: task.name") and all(each in done.err for each in says)
    assert not (config.parent / "run").exists()


def test_the_grammar_says_that_it_has_no_parts_for_texts(cli: Any, config: Path) -> None:
    done = cli("run", config, "--dry-run", "--no-measure", "--set", "propose.proposer=grammar")
    assert done.code == 2 and "propose.proposer" in done.err and "capitals" in done.err


def test_a_task_that_is_no_class_is_refused(config: Path) -> None:
    with pytest.raises(UserError, match=r"task\.name"):
        load_task(load_config(config, ["task.name=rewardsearch.tasks:TASKS"]).task)
