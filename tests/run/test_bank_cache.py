"""The cache of rollout banks: what makes two searches share one, where it is, and that a damaged one is never used."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import parse_config
from rewardsearch.records import Rollout
from rewardsearch.run.artifacts import bank_path, load_bank, save_bank, sft_cache
from rewardsearch.run.environment import CODE
from rewardsearch.run.fingerprints import fingerprint

ROLLOUTS = tuple(
    Rollout(row=f"train-{i // 2}", completion=f"line\u2028 {i}\n", kind="wrong", prediction="7", length=i)
    for i in range(4)
)


def mark(**sections: Any) -> str:
    return fingerprint("bank", parse_config(sections, "test"))


@pytest.mark.parametrize(
    "sections",
    [
        {"seed": 3},
        {"task": {"val_rows": 7, "test_rows": 9}},
        {"train": {"steps": 3, "slots": 1}},
        {"policy": {"lora": {"r": 4}}},
        {"bank": {"min_auc": 0.7, "max_agreement": 0.5}},
    ],
    ids=str,
)
def test_searches_that_sample_alike_share_a_bank(sections: dict[str, Any]) -> None:
    assert mark(**sections) == mark()


@pytest.mark.parametrize(
    "sections",
    [
        {"task": {"seed": 1}},
        {"task": {"name": "gsm8k"}},
        {"policy": {"model": "another/model"}},
        {"policy": {"dtype": "bfloat16"}},
        {"train": {"temperature": 0.9}},
        {"train": {"top_p": 0.9}},
        {"train": {"max_completion_tokens": 41}},
        {"train": {"eval_batch_size": 100}},
        {"bank": {"questions": 65}},
        {"bank": {"group_size": 9}},
    ],
    ids=str,
)
def test_what_changes_the_completions_changes_the_mark(sections: dict[str, Any]) -> None:
    assert mark(**sections) != mark()


def test_a_policy_folder_counts_by_its_files_and_a_data_file_by_its_text(tmp_path: Path) -> None:
    model, train = tmp_path / "model", tmp_path / "train.jsonl"
    model.mkdir()
    settings = {
        "policy": {"model": str(model)},
        "task": {"name": "gsm8k", "train_file": str(train), "test_file": str(train)},
    }
    marks = [mark(**settings)]
    (model / "model.safetensors").write_text("1")
    marks.append(mark(**settings))
    train.write_text("a")
    marks.append(mark(**settings))
    train.write_text("b")
    marks.append(mark(**settings))
    assert len(set(marks)) == 4


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = parse_config({}, "test")
    name = f"banks/{bank_path(config).name}"
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert bank_path(config) == tmp_path / "own" / name
    monkeypatch.delenv("REWARDSEARCH_CACHE")
    assert bank_path(config) == tmp_path / "xdg" / "rewardsearch" / name
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bank_path(config) == tmp_path / ".cache" / "rewardsearch" / name


def test_a_bank_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "banks" / "x.jsonl"
    assert load_bank(path) is None
    save_bank(path, ROLLOUTS)
    assert load_bank(path) == ROLLOUTS


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: text.rsplit("\n", 2)[0] + "\n",
        lambda text: text.replace('"wrong"', '"correct"', 1),
        lambda text: text.partition("\n")[2],
        lambda text: "[]\n",
        lambda text: "",
        lambda text: "\x00" * 100,
    ],
    ids=["torn", "a line short", "another label", "no head", "another head", "empty", "zeros"],
)
def test_a_damaged_bank_is_removed(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "x.jsonl"
    save_bank(path, ROLLOUTS)
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert load_bank(path) is None
    assert not path.exists()


@pytest.mark.parametrize("which", CODE)
def test_what_other_code_gave_is_not_taken_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: str) -> None:
    config = parse_config({"sft": {"enabled": True}}, "test")
    kept = []
    for name, text in (("one", "ROWS = 1"), ("same", '"""Rows."""\nROWS = 1  # of a table'), ("other", "ROWS = 2")):
        for part in CODE:
            (tmp_path / name / part).mkdir(parents=True)
        code = tmp_path / name / which / "deep"
        code.mkdir(parents=True)
        (code / "rows.py").write_text(text)
        monkeypatch.setattr("rewardsearch.run.environment.PACKAGE", tmp_path / name)
        kept.append((bank_path(config), sft_cache(config)))
    assert kept[0] == kept[1]
    assert kept[0][0] != kept[2][0] and kept[0][1] != kept[2][1]


def test_what_another_version_of_a_library_trained_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse_config({"sft": {"enabled": True}}, "test")
    before = sft_cache(config)
    real = importlib.metadata.version
    monkeypatch.setattr("rewardsearch.run.environment.version", lambda name: "9.9" if name == "trl" else real(name))
    assert sft_cache(config) != before
