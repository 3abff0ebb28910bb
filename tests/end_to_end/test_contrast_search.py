"""Contrastive rewards through a whole search: a small one here, SmolLM2 on labelled questions to a bank in the slow test."""

import subprocess
import sys
from pathlib import Path

import pytest
from smollm2 import BANKING, smollm2_settings

from rewardsearch.files.resources import resource
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState

CONFIGS, ROOT = resource("configs"), Path(__file__).parents[2]
REFERENCES = {"published", "published_within_group", "info_nce", "contrastive", "bare"}


def search(tmp_path: Path, config: str, *options: str) -> RunState:
    command = [sys.executable, "-m", "rewardsearch", "run", str(CONFIGS / config), "--run-dir", "run"]
    command += [f"--set={option}" for option in options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_run(tmp_path / "run")


def test_a_search_ends_with_what_it_is_held_against_in_one_table(tmp_path: Path) -> None:
    few = ["rounds=1", "candidates=1", "rank.min_correct=0", "train.steps=1", "train.baseline_seeds=2", "train.slots=1"]
    few += ["train.prompts_per_step=3", "train.group_size=2", "finalize.seeds=1", "finalize.ensembles=[]"]
    few += ["bank.questions=8", "bank.group_size=2", "task.train_rows=40", "task.val_rows=16", "task.test_rows=16"]
    state = search(tmp_path, "contrast-demo.yaml", *few)
    assert state.status == "finished" and state.final is not None
    rows = {row.id: row for row in state.final.rows}
    assert {f"reference-{name}" for name in REFERENCES} <= rows.keys()
    assert all(row.retrieval is not None and row.retrieval.mrr.value >= (row.accuracy or 0.0) for row in rows.values())
    assert rows["reference-bare"].parse_rate == rows["reference-contrastive"].parse_rate == 1.0
    (point,) = state.baselines[0].curves
    assert set(point.measured) > {"sim_query", "rank"}
    command = [sys.executable, str(ROOT / "benchmarks" / "seeds_table.py"), str(tmp_path / "run")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    policy = rows["policy"].accuracy
    assert f"| {policy:.3f} |" in printed[-1] and sum(line.startswith("| reference-") for line in printed) == len(
        REFERENCES
    )


@pytest.mark.slow
@pytest.mark.skipif(BANKING is None, reason="needs BANKING77 in shared/contrast")
def test_smollm2_on_labelled_texts_goes_through_the_whole_loop_and_its_reward_is_exported(tmp_path: Path) -> None:
    options = [*smollm2_settings(), "policy.dtype=float32"]
    options += [f"task.data={BANKING}/banking77_train.csv", "task.pairs.label=category", "rounds=1", "candidates=1"]
    options += [
        "task.train_rows=60",
        "task.val_rows=4",
        "task.test_rows=4",
        "train.steps=2",
        "train.baseline_seeds=1",
    ]
    options += [
        "train.prompts_per_step=2",
        "train.group_size=4",
        "train.micro_batch=8",
        "train.max_completion_tokens=16",
    ]
    options += ["train.slots=1", "train.threads=2", "finalize.seeds=1", "finalize.ensembles=[]"]
    options += ["finalize.references_alone=[]", "bank.questions=6", "bank.group_size=4"]
    state = search(tmp_path, "contrast-smollm2.yaml", *options)
    assert state.status == "finished" and state.final is not None and state.final.n == 4
    command = [sys.executable, "-m", "rewardsearch", "export", "run", "--to", "trl", "-o", "export"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
