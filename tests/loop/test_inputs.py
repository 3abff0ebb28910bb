"""What a run stands on beside its config: a policy and data that change under it are refused, those that were copied are not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.run.artifacts import SFT
from rewardsearch.run.fingerprints import fingerprint, inputs_of, policy_digest
from rewardsearch.run.journal import JOURNAL, read_run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A policy's folder, with weights of 4 MiB."""
    folder = tmp_path / "model"
    (folder / ".cache").mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * (1 << 14))
    return folder


def test_a_policy_counts_by_what_it_is_wherever_and_whenever_it_was_put(model: Path, tmp_path: Path) -> None:
    before = policy_digest(str(model))
    for file in model.rglob("*"):
        os.utime(file, (1, 1))
    (model / ".cache" / "download.lock").touch()
    (model / "__pycache__").mkdir()
    (model / "__pycache__" / "x.pyc").touch()
    (model / "notes.txt").touch()
    (model / "README.md").touch()
    assert policy_digest(str(model)) == before
    shutil.copytree(model, tmp_path / "copy")
    assert policy_digest(str(tmp_path / "copy")) == before


@pytest.mark.parametrize("place", [0, 65_535, (1 << 22) - 1])
def test_other_weights_of_the_same_size_are_another_policy(model: Path, place: int) -> None:
    before = policy_digest(str(model))
    with (model / "model.safetensors").open("r+b") as file:
        file.seek(place)
        file.write(b"!")
    assert policy_digest(str(model)) != before


def test_another_file_or_text_is_another_policy(model: Path) -> None:
    found = {policy_digest(str(model))}
    (model / "config.json").write_text('{"a": 1}', encoding="utf-8")
    found.add(policy_digest(str(model)))
    for name in ("tokenizer.json", "merges.txt"):
        (model / name).write_text("{}", encoding="utf-8")
        found.add(policy_digest(str(model)))
    assert len(found) == 4
    assert policy_digest("org/model") == ""


def test_the_file_of_the_sealed_test_counts_where_the_test_is_ranked_on(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}", encoding="utf-8")
    task = {"name": "gsm8k", "train_file": str(tmp_path / "rows.jsonl"), "test_file": str(tmp_path / "rows.jsonl")}
    assert inputs_of(parse_config({"task": task}, "test")).keys() == {"task.train_file", "policy.model"}
    config = parse_config({"task": task, "rounds": 1, "paper_protocol": True}, "test")
    assert inputs_of(config).keys() == {"task.train_file", "task.test_file", "policy.model"}
    assert inputs_of(parse_config({"task": {"name": "gsm8k"}, "policy": {"model": "org/model"}}, "test")) == {}


# --- a run whose data change ------------------------------------------------------------------------------------------


def config(rows: Path, **settings: Any) -> Config:
    task = {**SMALL["task"], "name": "gsm8k", "train_file": str(rows), "test_file": str(rows)}
    return parse_config({**SMALL, "task": task, "sft": {"enabled": True, "steps": 2}, **settings}, "test")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [{"question": f"What is {i} and 1?", "answer": f"It is {i + 1}.\n#### {i + 1}"} for i in range(200)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def add_one(rows: Path) -> None:
    with rows.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"question": "What is left?", "answer": "#### 0"}) + "\n")


def test_a_run_whose_data_have_changed_is_refused_and_stays_as_it_is(
    tmp_path: Path, trainer: Trainer, rows: Path
) -> None:
    search(config(rows), tmp_path / "run", Quiet())
    trained, before = len(trainer.trained), (tmp_path / "run" / JOURNAL).read_bytes()
    text = rows.read_text(encoding="utf-8")
    add_one(rows)
    with pytest.raises(
        UserError, match=r"task\.train_file \(.*rows\.jsonl\) has changed since this run began.*--run-dir"
    ):
        search(config(rows, rounds=2), tmp_path / "run", Quiet())
    assert (tmp_path / "run" / JOURNAL).read_bytes() == before
    rows.write_text(text, encoding="utf-8")
    assert search(config(rows, rounds=2), tmp_path / "run", Quiet()).rounds_done == 2
    assert trainer.tunings == 1 and len(trainer.trained) > trained


def test_a_finalized_run_is_not_trained_again_whatever_became_of_its_data_and_files(
    tmp_path: Path, trainer: Trainer, rows: Path
) -> None:
    settings = config(rows, finalize={"enabled": True, "ensembles": [], "controls": [], "seeds": 1})
    state = search(settings, tmp_path / "run", Quiet())
    trained = len(trainer.trained)
    add_one(rows)
    shutil.rmtree(tmp_path / "run" / SFT)
    assert search(settings, tmp_path / "run", Quiet()).final == state.final
    assert (trainer.tunings, len(trainer.trained)) == (1, trained)


def test_who_is_shown_rows_may_change_in_a_run(tmp_path: Path, trainer: Trainer, rows: Path) -> None:
    before = config(rows)
    search(before, tmp_path / "run", Quiet())
    task = before.task.model_dump() | {"show_rows": False}
    search(config(rows, task=task, rounds=2), tmp_path / "run", Quiet())
    assert read_run(tmp_path / "run").config.task.show_rows is False
    assert trainer.tunings == 1


def test_the_test_rows_change_nothing_about_the_fine_tuning(tmp_path: Path, rows: Path) -> None:
    test = tmp_path / "test.csv"
    marks = set()
    for text, size in (("a", 5), ("b", 5), ("b", 6)):
        test.write_text(text, encoding="utf-8")
        task = {"name": "resume", "data": str(rows), "test_data": str(test), "test_rows": size}
        marks.add(fingerprint("sft", parse_config({"task": task}, "test")))
    assert len(marks) == 1
    assert fingerprint("sft", parse_config({"task": {"name": "resume", "data": str(rows)}}, "test")) not in marks
