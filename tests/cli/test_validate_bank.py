"""`rewardsearch validate --config`: the stages that need a search's rollout bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import load_config
from rewardsearch.files.resources import PACKAGE
from rewardsearch.records import Rollout
from rewardsearch.run.artifacts import bank_path, save_bank
from rewardsearch.tasks import load_task

RIGHT = "float(f'<solution> {a} </solution>' in c)"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "search.yaml"
    path.write_text("bank: {questions: 16, group_size: 3}\ntask: {train_rows: 16}\n")
    return path


@pytest.fixture
def banked(config: Path) -> Path:
    """The config, with its bank in the cache."""
    settings = load_config(str(config))
    task = load_task(settings.task)
    rollouts = []
    for row in task.rows("train"):
        for text in (f"<solution> {row.answer} </solution>", "<solution> 1234 </solution>", "I see"):
            outcome = task.outcome(row, text)
            rollouts.append(
                Rollout(row=row.id, completion=text, kind=outcome.kind, prediction=outcome.prediction, length=3)
            )
    save_bank(bank_path(settings), rollouts)
    return config


def test_with_a_bank_in_the_cache_its_stages_are_run(cli: Any, write_reward: Any, banked: Path) -> None:
    right, alike = write_reward("right", RIGHT), write_reward("alike", f"{RIGHT} + 1.0")
    dead = write_reward("dead", f"{RIGHT} * ('=' in c)")
    done = cli("validate", right, alike, dead, "--config", banked, "--json")
    told = json.loads(done.out)
    assert (done.code, done.err) == (4, "")
    assert [item["stage"] for item in told] == [None, "novelty", "bank"]
    assert told[0]["checks"]["bank_auc"] == 1.0
    assert "bank:dead" in told[2]["flags"]


def test_the_text_tells_the_measures(cli: Any, write_reward: Any, banked: Path) -> None:
    done = cli("validate", write_reward("right", RIGHT), "--config", banked)
    assert done.code == 0
    assert "  bank: AUC of completions that count as right" in done.out
    assert done.err == ""


def test_without_a_bank_it_says_what_was_left_out_and_what_samples_one(
    cli: Any, write_reward: Any, config: Path
) -> None:
    done = cli("validate", write_reward("right", RIGHT), "--config", config, "--json")
    assert done.code == 0
    assert not any(name.startswith("bank") for name in json.loads(done.out)[0]["checks"])
    assert "no rollout bank in" in done.err and f"`rewardsearch run {config}`" in done.err


def test_without_a_config_it_asks_for_one(cli: Any, write_reward: Any) -> None:
    assert "give --config CONFIG" in cli("validate", write_reward("right", RIGHT)).err


def test_a_config_without_a_bank_is_no_cause_to_warn(cli: Any, write_reward: Any, config: Path) -> None:
    config.write_text("bank: {enabled: false}\n")
    assert cli("validate", write_reward("right", RIGHT), "--config", config).err == ""


def test_a_class_task_is_told_what_one_answer_for_everyone_would_earn(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    config = tmp_path / "search.yaml"
    config.write_text("bank: {questions: 16, group_size: 4}\ntask: {name: resume, train_rows: 16}\n")
    settings = load_config(str(config))
    task = load_task(settings.task)
    rollouts = []
    for row in task.rows("train"):
        for label in ("SELECTED", "REJECTED", row.answer, row.answer):
            text = f"<thinking> so it is </thinking> <solution> {label} </solution>"
            outcome = task.outcome(row, text)
            rollouts.append(
                Rollout(row=row.id, completion=text, kind=outcome.kind, prediction=outcome.prediction, length=8)
            )
    save_bank(bank_path(settings), rollouts)
    done = cli("validate", PACKAGE.parent / "candidates" / "resume" / "aggressive.py", "--config", config)
    assert done.code == 0
    assert ", bank:collapse\n" in done.out
    assert "  bank:collapse: always REJECTED earns " in done.out
    assert cli("validate", PACKAGE.parent / "candidates" / "resume" / "gentle.py", "--task", "resume").code == 0
