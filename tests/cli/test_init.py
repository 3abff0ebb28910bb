"""`rewardsearch init`: a folder whose config a search accepts, or one line that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from user_data import write_csv, write_lines

from rewardsearch.config import load_config
from rewardsearch.files.resources import resource
from rewardsearch.session.starting import BUILT_IN
from rewardsearch.tasks import load_task

LABELS = ("ham", "spam", "news", "work")
SUMS = [{"question": f"What is {i} + 1?", "answer": f"One more.\n#### {i + 1}"} for i in range(90)]
MAILS = [
    {"subject": f"Offer {i}", "body": f"mail {i}", "label": LABELS[i % 4], "sender_id": f"s{i % 30}"}
    for i in range(120)
]
WORDS = [{"Question text": f"Say the word {i}", "Right answer": f"word {i}"} for i in range(90)]
CITIES = [{"ask": f"Which city is number {i}?", "out": {"city": f"City {i}"}} for i in range(90)]
CHATS = [{"messages": [{"role": "user", "content": f"Say {i}"}], "target": f"word {i}"} for i in range(90)]


def write_sums(folder: Path) -> str:
    return write_lines(folder / "sums.jsonl", SUMS)


def write_parquet(folder: Path) -> str:
    pd.DataFrame([{"review": f"film {i}", "sentiment": i % 2} for i in range(90)]).to_parquet(folder / "films.parquet")
    return str(folder / "films.parquet")


def write_array(folder: Path) -> str:
    (folder / "rows.json").write_text(json.dumps(SUMS), encoding="utf-8")
    return str(folder / "rows.json")


USABLE = {
    "numbers after ####": write_sums,
    "CSV with semicolons and a group": lambda folder: write_csv(folder / "mails.csv", MAILS, ";"),
    "Parquet with numbered classes": write_parquet,
    "tabs and names with spaces": lambda folder: write_csv(folder / "words.tsv", WORDS, "\t"),
    "JSON answers": lambda folder: write_lines(folder / "cities.jsonl", CITIES),
    "chat messages": lambda folder: write_lines(folder / "chats.jsonl", CHATS),
}
UNUSABLE = {
    "nested JSON": (lambda folder: write_lines(folder / "a.jsonl", [{"item": row} for row in SUMS]), "item"),
    "three rows": (lambda folder: write_lines(folder / "a.jsonl", SUMS[:3]), "3 rows"),
    "one JSON array": (write_array, "rows.json"),
    "one class": (
        lambda folder: write_lines(folder / "a.jsonl", [{"text": f"t{i}", "label": "x"} for i in range(60)]),
        "'x'",
    ),
    "a broken message": (
        lambda folder: write_lines(folder / "a.jsonl", [*CHATS, {"messages": [{"role": "user"}], "target": "x"}]),
        "line 91",
    ),
    "a folder": (str, "folder"),
    "no such file": (lambda folder: "none.jsonl", "none.jsonl"),
}


@pytest.mark.parametrize("write", USABLE.values(), ids=USABLE)
def test_the_config_of_a_users_rows_passes_the_checks_of_a_search(cli: Any, tmp_path: Path, write: Any) -> None:
    done = cli("init", tmp_path / "my work", "--data", write(tmp_path))
    assert done.code == 0, done.err
    assert "not ready yet" not in done.out and f"data '{tmp_path}/my work/config.yaml'\n" in done.out
    guessed = {line.split()[1].strip(":") for line in done.out.splitlines() if line.startswith("guessed ")}
    assert {"prompt", "answer", "kind", "form"} <= guessed
    config = tmp_path / "my work" / "config.yaml"
    if write is write_sums:
        assert cli("run", config, "--dry-run", "--no-measure").code == 0
    task = load_task(load_config(config).task)
    assert len(task.rows("train")) == load_config(config).task.train_rows
    assert "# guess: " in config.read_text(encoding="utf-8")


@pytest.mark.parametrize(("write", "named"), UNUSABLE.values(), ids=UNUSABLE)
def test_rows_that_no_search_can_use_are_refused_in_one_line(cli: Any, tmp_path: Path, write: Any, named: str) -> None:
    done = cli("init", tmp_path / "work", "--data", write(tmp_path))
    assert done.code == 2 and named in done.err and len(done.err.splitlines()) == 1
    assert not (tmp_path / "work").exists()


def test_a_policy_that_cannot_be_trained_on_the_rows_is_said(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_lines(tmp_path / "long.jsonl", [{"question": f"{i} " * 300, "answer": i} for i in range(60)])
    done = cli("init", tmp_path / "long", "--data", rows)
    assert done.code == 0 and "not ready yet: policy.model: embedded has a context of" in done.out
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = cli("init", tmp_path / "own", "--data", write_sums(tmp_path), "--model", "org/model")
    assert done.code == 0 and "not ready yet: policy.model: org/model is no folder here" in done.out
    config = load_config(tmp_path / "own" / "config.yaml")
    assert config.policy.model == "org/model" and config.task.chat


def test_the_example_reward_is_accepted_in_the_answer_form(cli: Any, tmp_path: Path) -> None:
    rows = [{"question": f"What is {i}? Write \\boxed{{}}.", "answer": i} for i in range(90)]
    cli("init", tmp_path / "work", "--data", write_lines(tmp_path / "rows.jsonl", rows))
    reward, config = tmp_path / "work" / "candidates" / "right_or_nothing.py", tmp_path / "work" / "config.yaml"
    assert load_config(config).task.form == "boxed" and load_config(config).propose.folder == str(reward.parent)
    done = cli("validate", reward, "--config", config, "--json")
    assert done.code == 0, done.out


def test_nothing_is_overwritten(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "work" / "candidates").mkdir(parents=True)
    mine = tmp_path / "work" / "candidates" / "right_or_nothing.py"
    mine.write_text("mine", encoding="utf-8")
    done = cli("init", tmp_path / "work", "--data", write_sums(tmp_path))
    assert done.code == 2 and "candidates/right_or_nothing.py" in done.err
    assert mine.read_text(encoding="utf-8") == "mine" and not (tmp_path / "work" / "config.yaml").exists()


def test_without_data_a_built_in_config_and_its_rewards_are_copied(cli: Any, tmp_path: Path) -> None:
    assert all((resource("configs") / f"{name}.yaml").is_file() for name in BUILT_IN.values())
    done = cli("init", tmp_path / "work")
    assert done.code == 0 and "not ready yet" not in done.out
    config = load_config(tmp_path / "work" / "config.yaml")
    assert config.task.name == "arithmetic" and config.run_dir == "runs/work"
    assert list((tmp_path / "work" / "candidates").glob("*.py"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--task", "chess"], "chess"),
        (["--task", "resume", "--data", "a.csv"], "--task"),
        (["--answer", "a"], "--answer"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    cli: Any, tmp_path: Path, arguments: list[str], named: str
) -> None:
    done = cli("init", tmp_path / "work", *arguments)
    assert done.code == 2 and named in done.err


@pytest.mark.slow
def test_a_hundred_thousand_rows(cli: Any, tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {i} + {i % 77}?", "answer": i + i % 77} for i in range(100_000)]
    done = cli("init", tmp_path / "work", "--data", write_lines(tmp_path / "rows.jsonl", rows))
    assert done.code == 0 and "not ready yet" not in done.out
    text = yaml.safe_load((tmp_path / "work" / "config.yaml").read_text(encoding="utf-8"))
    assert text["task"]["train_rows"] == 2000
