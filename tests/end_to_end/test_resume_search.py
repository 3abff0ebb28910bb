"""Whole resume searches through the command line: fine-tuning, search, references, fairness; a few steps each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from user_data import COLUMNS, hires, write_csv

from rewardsearch.run.journal import read_run

ROOT = Path(__file__).parents[2]
SETTINGS = f"""\
rounds: 1
candidates: 1
policy: {{model: embedded-resume}}
sft: {{enabled: true, steps: 2, batch_size: 8}}
bank: {{questions: 4, group_size: 4}}
race: {{enabled: false}}
train: {{baseline_seeds: 1, steps: 2, prompts_per_step: 2, group_size: 2, slots: 1, max_completion_tokens: 24}}
rank: {{resamples: 100}}
finalize:
  seeds: 1
  ensembles: []
  controls: []
  references: [{ROOT}/candidates/resume/gentle.py, {ROOT}/candidates/resume/aggressive.py]
"""


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "rewardsearch", *arguments]
    # No line that a test looks for is wrapped.
    env = {**os.environ, "COLUMNS": "400"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished search on a table of one's own, with 80:20 labels, other columns and missing values; and what it printed."""
    folder = tmp_path_factory.mktemp("hires")
    write_csv(folder / "hires.csv", hires())
    task = {
        "name": "resume",
        "data": "hires.csv",
        "columns": COLUMNS,
        "train_rows": 64,
        "val_rows": 20,
        "test_rows": 20,
    }
    (folder / "small.yaml").write_text(f"task: {json.dumps(task)}\n{SETTINGS}")
    return folder, run(folder, "run", "small.yaml")


def test_a_search_begins_with_its_data_and_the_fine_tuning(searched: tuple[Path, str]) -> None:
    _, told = searched
    data, sft, bank = (told.index(text) for text in ("SELECTED: ", "SFT: ", "rollout bank: "))
    assert data < sft < bank and "once balanced" in told and "left out" in told


def test_rule_sft_references_and_what_was_found_stand_in_one_table(searched: tuple[Path, str]) -> None:
    folder, told = searched
    report = read_run(folder / "runs" / "small").final
    assert report is not None
    rows = {row.id: row for row in report.rows}
    assert {"keyword", "policy", "baseline", "reference-gentle", "reference-aggressive", report.chosen} <= rows.keys()
    assert rows["policy"].name == "sft"
    assert all(
        row.classes is not None and row.macro_gain_questions_ci is not None
        for id, row in rows.items()
        if id != "policy"
    )
    table = told[told.index("sealed test") :]
    assert all(f" {name}" in table for name in ("keyword", "sft", "reference-gentle", "reference-aggressive"))


def test_the_fairness_table_is_printed_with_finalize_and_by_its_command(searched: tuple[Path, str]) -> None:
    folder, told = searched
    fairness = told[told.index("sealed test") :]
    assert "sex" in fairness
    found = json.loads(run(folder, "fairness", "small", "--json"))
    assert {group["attribute"] for group in found["arms"][0]["groups"]} == {"sex"}


def test_every_training_run_started_from_the_fine_tuned_policy(searched: tuple[Path, str]) -> None:
    state = read_run(searched[0] / "runs" / "small")
    assert state.sft is not None and state.results["policy"].outcomes == state.sft.after


@pytest.mark.slow
def test_the_demo_finds_a_reward_that_selects_and_shows_the_one_that_rejects_everyone(tmp_path: Path) -> None:
    run(tmp_path, "run", "configs/resume-demo.yaml")
    report = read_run(tmp_path / "runs" / "resume-demo").final
    assert report is not None
    rows = {row.id: row for row in report.rows}
    chosen = rows[report.chosen or ""]
    assert chosen.macro_gain is not None and chosen.macro_gain >= 0
    good = [seed.precision >= 0.95 and seed.recall >= 0.8 for seed in chosen.classes_by_seed.values()]
    assert sum(good) >= 2
    aggressive = rows["reference-aggressive"]
    assert {"refused:bank", "bank:collapse"} <= set(aggressive.flags)
    assert aggressive.macro_gain is not None and aggressive.macro_gain < 0
