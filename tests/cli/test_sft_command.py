"""`rewardsearch sft`, and what the other commands tell of a fine-tuning; the training is played by a function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from played import SMALL, Trainer

from rewardsearch.run.artifacts import ADAPTER, SFT


@pytest.fixture
def written(tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in the folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REWARDSEARCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tuned.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "sft": {"enabled": True, "steps": 4}}), encoding="utf-8")
    return path


def test_the_command_shows_the_curve_the_scores_and_the_adapter(cli: Any, written: Path) -> None:
    done = cli("sft", written)
    assert (done.code, done.err) == (0, "")
    adapter = written.parent / "runs" / "tuned" / SFT / ADAPTER
    for line in (
        "  sft loss 2.000 -> 0.500 nats a token in 4 steps on 64 demonstrations, 3 s",
        "  sft before: F1 0.400, accuracy 0.250 on 20 questions of val",
        "  sft after:  F1 0.857, accuracy 0.750 on 20 questions of val",
        f"adapter: {adapter}",
        f"  model = peft.PeftModel.from_pretrained(base, '{adapter}').merge_and_unload()",
        f"next: rewardsearch run {written}",
    ):
        assert line in done.out.splitlines()
    again = cli("sft", written).out
    assert "  after:  F1 0.857, accuracy 0.750 on 20 questions of val" in again.splitlines()
    assert "sandbox" not in again


def test_the_next_command_has_the_same_options(cli: Any, written: Path) -> None:
    out = cli("sft", written, "--run-dir", "else where", "--set", "sft.steps=3").out
    assert out.splitlines()[-1] == f"next: rewardsearch run {written} --run-dir 'else where' --set sft.steps=3"


def test_one_json_document_is_given(cli: Any, written: Path, trainer: Trainer) -> None:
    document = json.loads(cli("sft", written, "--json").out)
    assert (document["rows"], document["left_out"], document["steps"], len(document["curve"])) == (64, 0, 4, 4)
    assert (document["before"]["accuracy"], document["after"]["accuracy"], document["after"]["n"]) == (0.25, 0.75, 20)
    assert Path(document["adapter"]).is_dir()
    status = json.loads(cli("status", "tuned", "--json").out)
    assert status["sft"]["after"] == document["after"] and status["status"] == "stopped"
    assert "4 steps: F1 0.857, accuracy 0.750 on 20 questions of val" in cli("status", "tuned").out
    assert trainer.trained == []


def test_a_config_without_fine_tuning_is_refused(cli: Any, written: Path) -> None:
    done = cli("sft", written, "--set", "sft.enabled=false")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: sft.enabled: got false") and "--set sft.enabled=true" in done.err


def test_the_plan_of_a_search_contains_it(cli: Any, written: Path) -> None:
    planned = cli("run", written, "--dry-run", "--no-measure").out
    assert "  SFT first: 4 steps of 32 demonstrations" in planned
    assert "SFT first" not in cli("run", written, "--dry-run", "--no-measure", "--set", "sft.enabled=false").out


def test_a_search_shows_the_fine_tuned_policy_by_its_name(cli: Any, written: Path) -> None:
    done = cli("run", written)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert any(line.startswith("  sft before GRPO: F1") for line in lines)
    assert any(line.split()[1:2] == ["sft"] for line in lines if line[:1].isdigit()), lines
