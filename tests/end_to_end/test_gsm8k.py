"""The loop on GSM8K-shaped rows with a chat model: a tiny one of random weights here, SmolLM2 in the slow test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from smollm2 import smollm2_settings
from tiny_models import tiny_model

from rewardsearch.files.resources import resource
from rewardsearch.run.journal import read_run

CONFIG = resource("configs") / "gsm8k-cpu.yaml"


@pytest.fixture
def rows(tmp_path: Path) -> list[str]:
    """GSM8K-shaped files, as `--set` options."""
    for part in ("train", "test"):
        lines = [
            json.dumps(
                {
                    "question": f"Tom has {i} {part} pens and buys {i + 2} more. How many pens does he have?",
                    "answer": f"Tom has {i}+{i + 2}=<<{i}+{i + 2}={2 * i + 2}>>{2 * i + 2} pens.\n#### {2 * i + 2}",
                }
            )
            for i in range(3, 300)
        ]
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return [f"--set=task.{part}_file={tmp_path / part}.jsonl" for part in ("train", "test")]


def search(tmp_path: Path, *options: str, config: Path = CONFIG) -> None:
    command = [sys.executable, "-m", "rewardsearch", "run", str(config), "--run-dir", "run", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_chat_model_in_a_folder_goes_through_the_whole_loop_after_fine_tuning(
    tmp_path: Path, rows: list[str]
) -> None:
    chat_model = tiny_model(tmp_path / "model")
    tuning = ["--set=sft.enabled=true", "--set=sft.steps=2", "--set=sft.batch_size=4"]
    # One candidate, whose run with another seed is all that finalize trains beside the baseline's.
    few = [
        "--set=rank.min_correct=0",
        "--set=candidates=1",
        "--set=finalize.ensembles=[]",
        "--set=finalize.seeds=1",
        "--set=train.max_completion_tokens=8",
    ]
    few += [f"--set=task.{split}_rows={n}" for split, n in (("train", 40), ("val", 8), ("test", 8))]
    search(tmp_path, *rows, *tuning, *few, f"--set=policy.model={chat_model}", "--set=train.threads=1")
    state = read_run(tmp_path / "run")
    assert state.status == "finished" and state.sft is not None and len(state.sft.curve) == 2
    assert [len(state.results[id].outcomes) for id in state.candidates] == [8]
    assert state.final is not None and state.final.n == 8


@pytest.mark.slow
def test_smollm2_is_fine_tuned_and_screens_resumes(tmp_path: Path) -> None:
    options = [f"--set={setting}" for setting in smollm2_settings()]
    search(tmp_path, *options, config=resource("configs") / "resume-smollm2.yaml")
    state = read_run(tmp_path / "run")
    assert state.status == "finished" and state.sft is not None and state.final is not None


@pytest.mark.slow
def test_smollm2_from_its_gguf_goes_through_the_whole_loop(tmp_path: Path, rows: list[str]) -> None:
    options = [f"--set={setting}" for setting in (*smollm2_settings(), "rank.min_correct=0")]
    search(tmp_path, *rows, *options)
    assert read_run(tmp_path / "run").status == "finished"
