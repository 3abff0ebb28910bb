"""`--set` in the commands that judge rewards and machines, and rows from the hub that cannot be had."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.rewards.sandbox import Defences
from rewardsearch.session import doctor
from rewardsearch.tasks import load_task
from rewardsearch.tasks.table import read_entries

RIGHT = "float(f'<solution> {a} </solution>' in c)"


@pytest.fixture
def questions(tmp_path: Path) -> list[str]:
    """GSM8K-shaped files, as `--set` options."""
    options = []
    for part in ("train", "test"):
        lines = [json.dumps({"question": f"{part} {i} and 2?", "answer": f"{i + 2}\n#### {i + 2}"}) for i in range(300)]
        path = tmp_path / f"{part}.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        options += ["--set", f"task.{part}_file={path}"]
    return options


def test_a_reward_is_validated_on_files_that_set_names(cli: Any, write_reward: Any, questions: list[str]) -> None:
    done = cli("validate", write_reward("right", RIGHT), "--task", "gsm8k", *questions)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].endswith("right.py: accepted")


def test_overrides_change_what_a_config_says(cli: Any, write_reward: Any, tmp_path: Path) -> None:
    config = tmp_path / "search.yaml"
    config.write_text("bank: {enabled: false}\nvalidation: {exploits: flag}\n")
    gamed = write_reward("gamed", "float(a in c)")
    assert cli("validate", gamed, "--config", config).code == 0
    refused = cli("validate", gamed, "--config", config, "--set", "validation.exploits=refuse")
    assert refused.code == 4 and "rejected" in refused.out


def test_the_command_that_samples_a_bank_has_the_same_overrides(
    cli: Any, write_reward: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    config = tmp_path / "search.yaml"
    config.write_text("task: {train_rows: 16}\n")
    done = cli("validate", write_reward("right", RIGHT), "--config", config, "--set", "bank.questions=16")
    assert f"`rewardsearch run {config} --set bank.questions=16`" in done.err


def test_a_wrong_override_is_told(cli: Any, write_reward: Any) -> None:
    done = cli("validate", write_reward("right", RIGHT), "--set", "task.train_row=5")
    assert (done.code, done.err) == (2, "error: --set: task.train_row: unknown key; did you mean train_rows?\n")
    assert cli("doctor", "--set", "sandbox").err == (
        "error: --set sandbox: got no key=value; write it as --set train.steps=20\n"
    )


def test_doctor_examines_what_set_asks_for(cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences(("uid", "no_new_privs"), ("run a program",), 18))
    config = tmp_path / "search.yaml"
    config.write_text("rounds: 1\n")
    for given in ((), (config,)):
        assert cli("doctor", *given).code == 0
        done = cli("doctor", *given, "--set", "sandbox.require=[seccomp]")
        assert done.code == 2 and "sandbox.require names it" in done.out


def test_score_runs_within_limits_that_set_gives(cli: Any, write_reward: Any, tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps({"prompt": "1?", "completion": "5", "answer": "5"}) + "\n")
    high = write_reward("high", "50.0")
    assert cli("score", high, data).code == 0
    assert cli("score", high, data, "--set", "validation.bound=10").code == 4


@pytest.mark.parametrize("source", ["gsm8k", "own"])
def test_attempts_at_a_hub_that_does_not_answer_are_not_printed(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log, client = logging.getLogger("huggingface_hub"), logging.getLogger("huggingface_hub.utils._http")
    printed: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: printed.append(record.getMessage()))
    monkeypatch.setattr(log, "handlers", [handler])
    monkeypatch.setattr(log, "level", log.level)
    log.setLevel(logging.WARNING)

    def load(*args: Any, **options: Any) -> Any:
        client.warning("'Connection refused' thrown while requesting HEAD")
        raise ConnectionError("refused")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    with pytest.raises(UserError, match="could not be loaded from the hub"):
        if source == "gsm8k":
            load_task(TaskConfig(name="gsm8k")).rows("train")
        else:
            read_entries("data", "org/hires", {"task.columns.resume": "resume"}, frozenset())
    assert printed == []
    client.warning("of something else")
    assert printed == ["of something else"]
