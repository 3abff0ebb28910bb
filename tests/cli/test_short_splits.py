"""Splits with fewer rows than the config asks for cause a warning before a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from user_data import COLUMNS, hires, write_csv

from rewardsearch.config import load_config, parse_config
from rewardsearch.files.resources import resource
from rewardsearch.session.preflight import check
from rewardsearch.tasks import load_task
from rewardsearch.tasks.datasheet import short_splits

GSM8K_TRAIN = 7473
"""Questions of the published train file."""


def config_of(folder: Path, **task: Any) -> Path:
    path = folder / "short.yaml"
    screen = {"prompts_per_step": 4, "group_size": 2}
    path.write_text(yaml.safe_dump({"task": task, "train": screen}), encoding="utf-8")
    return path


@pytest.fixture
def gsm8k(tmp_path: Path) -> Path:
    """A config that asks for more training rows than its file has."""
    for part in ("train", "test"):
        lines = [json.dumps({"question": f"{part} {i} and 2?", "answer": f"{i + 2}\n#### {i + 2}"}) for i in range(100)]
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return config_of(
        tmp_path,
        name="gsm8k",
        train_file="train.jsonl",
        test_file="test.jsonl",
        train_rows=100,
        val_rows=5,
        test_rows=9,
    )


def beginning_of(config: Path) -> str:
    """The beginning of the warning."""
    found = len(load_task(load_config(config).task).rows("train"))
    assert 80 < found < 100
    return f"task.train_rows: got 100, but the data have {found} rows for train; "


def test_data_warns_as_text_and_as_json(cli: Any, gsm8k: Path) -> None:
    done = cli("data", gsm8k)
    assert (done.code, done.err) == (0, "")
    assert f"warning: {beginning_of(gsm8k)}" in done.out and done.out.count("warning: ") == 1
    (warning,) = json.loads(cli("data", gsm8k, "--json").out)["warnings"]
    assert warning.startswith(beginning_of(gsm8k))


def test_a_search_warns_before_it_starts(cli: Any, gsm8k: Path) -> None:
    assert check(load_config(gsm8k))[0].startswith(beginning_of(gsm8k))
    done = cli("run", gsm8k, "--dry-run", "--no-measure")
    assert done.code == 0 and f"warning: {beginning_of(gsm8k)}" in done.out


def test_a_size_that_there_is_or_that_nobody_asked_for_is_no_cause_to_warn(cli: Any, gsm8k: Path) -> None:
    assert "warning" not in cli("data", gsm8k, "--set", "task.train_rows=80").out
    gsm8k.write_text("task: {name: gsm8k, train_file: train.jsonl, test_file: test.jsonl}\n")
    assert not any(line.startswith("task.") for line in check(load_config(gsm8k)))


def test_of_a_table_of_ones_own_the_rows_count_before_they_are_balanced(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "hires.csv", hires())
    asked = {"name": "resume", "data": str(data), "columns": COLUMNS}
    task = load_task(parse_config({"task": asked}, "test").task)
    rows = len(task.rows("train"))
    config = parse_config({"task": {**asked, "train_rows": rows, "val_rows": 5000, "test_rows": 10}}, "test")
    own = load_task(config.task).user_pairs  # type: ignore[attr-defined]
    train, val = (len(own.splits[split]) for split in ("train", "val"))
    assert train < rows == len(load_task(config.task).rows("train"))
    assert [warning.split("; ")[0] for warning in short_splits(load_task(config.task), config)] == [
        f"task.train_rows: got {rows:,}, but the data have {train:,} rows for train",
        f"task.val_rows: got 5,000, but the data have {val:,} rows for val",
    ]


def test_generated_rows_are_as_many_as_asked_for() -> None:
    for name in ("arithmetic", "resume"):
        sizes = {f"{split}_rows": 300 for split in ("train", "val", "test")}
        config = parse_config({"task": {"name": name, **sizes}}, "test")
        assert short_splits(load_task(config.task), config) == ()


@pytest.mark.parametrize("name", ["gsm8k-llama3.2-3b.yaml", "gsm8k-cpu.yaml"])
def test_the_configs_ask_for_no_more_than_gsm8k_has(name: str) -> None:
    task = load_config(resource("configs") / name).task
    # A tenth of the train file is val, give or take: 761 of the published questions.
    assert task.train_rows <= GSM8K_TRAIN - 761 and task.val_rows <= 761 and task.test_rows <= 1319


def test_fine_tuning_alone_warns_too(cli: Any, gsm8k: Path, trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gsm8k.parent)
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(gsm8k.parent / "cache"))
    done = cli("sft", gsm8k, "--set", "sft.enabled=true")
    assert done.code == 0, done.err
    assert done.out.startswith(f"warning: {beginning_of(gsm8k)}")


def test_what_is_left_out_is_counted_before_a_search_and_by_validate(cli: Any, gsm8k: Path, write_reward: Any) -> None:
    train, test = gsm8k.parent / "train.jsonl", gsm8k.parent / "test.jsonl"
    first = train.read_text(encoding="utf-8").splitlines()[0]
    test.write_text(f"{test.read_text(encoding='utf-8')}\n{first}\n", encoding="utf-8")
    train.write_text(f"{train.read_text(encoding='utf-8')}\n{first}\n{first}\n", encoding="utf-8")
    left_out = {"the same row again": 2, "in task.test_file with a prompt of task.train_file": 1}
    assert json.loads(cli("data", gsm8k, "--json").out)["left_out"] == left_out
    files = [f"--set=task.{part}_file={gsm8k.parent / part}.jsonl" for part in ("train", "test")]
    validated = cli("validate", write_reward("none", "0.5"), "--task", "gsm8k", *files)
    assert validated.code == 4
    for text in (cli("data", gsm8k).out, cli("run", gsm8k, "--dry-run", "--no-measure").out, validated.err):
        assert all(str(count) in text and reason in text for reason, count in left_out.items())


def test_a_file_without_a_training_row_ends_validation_with_what_to_do(
    cli: Any, gsm8k: Path, write_reward: Any
) -> None:
    rows = [json.dumps({"question": "1 + 1?", "answer": answer}) for answer in ("#### 2", "#### 3")]
    (gsm8k.parent / "train.jsonl").write_text("\n".join(rows), encoding="utf-8")
    files = [f"--set=task.{part}_file={gsm8k.parent / part}.jsonl" for part in ("train", "test")]
    done = cli("validate", write_reward("none", "0.5"), "--task", "gsm8k", *files)
    assert done.code == 2 and "task.train_file" in done.err and "different answers 2" in done.err


def test_a_broken_row_of_the_test_file_ends_every_command_before_anything_is_trained(
    cli: Any, gsm8k: Path, write_reward: Any
) -> None:
    (gsm8k.parent / "test.jsonl").write_text('{"question": "a secret?", "answer": "#### nan"}\n', encoding="utf-8")
    files = [f"--set=task.{part}_file={gsm8k.parent / part}.jsonl" for part in ("train", "test")]
    validate = ("validate", write_reward("none", "0.5"), "--task", "gsm8k", *files)
    for command in (("data", gsm8k), ("run", gsm8k, "--dry-run", "--no-measure"), ("run", gsm8k), validate):
        done = cli(*command)
        assert done.code == 2 and done.err.startswith("error: test.jsonl line 1, column answer: ")
        assert "secret" not in done.err + done.out and "nan" not in done.err
    assert not (gsm8k.parent / "runs").exists()
