"""A search on `kind: file`, and the commands that look at the verifier before one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from played import Quiet
from user_data import CLOCK_FORM, CLOCK_TIMES, write_lines

from rewardsearch.config import load_config
from rewardsearch.loop import search
from rewardsearch.tasks import load_task

OUTSIDE = Path(__file__).parents[1] / "outside"
SIZES = {"train_rows": 30, "val_rows": 12, "test_rows": 12}
SMALL: dict[str, Any] = {
    "rounds": 1,
    "candidates": 1,
    "propose": {"proposer": "folder", "folder": "rewards"},
    "bank": {"enabled": False},
    "train": {
        "steps": 2,
        "prompts_per_step": 2,
        "group_size": 2,
        "slots": 1,
        "baseline_seeds": 1,
        "max_completion_tokens": 8,
    },
    "race": {"enabled": False},
    "rank": {"resamples": 100, "min_correct": 0},
    "finalize": {"enabled": False},
}
PAYS_THE_LINE = """\
\"\"\"Pays the time after `Answer:`.\"\"\"


def reward(prompts, completions, answer, **columns):
    return [2.0 * c.strip().endswith("Answer: " + a) + ("Answer:" in c) for c, a in zip(completions, answer)]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    shutil.copy(OUTSIDE / "verifier.py", tmp_path / "clock.py")
    write_lines(tmp_path / "times.jsonl", CLOCK_TIMES)
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "pays_the_line.py").write_text(PAYS_THE_LINE, encoding="utf-8")
    task = SIZES | {"kind": "file", "file": "clock.py", "data": "times.jsonl", "form": CLOCK_FORM}
    path = tmp_path / "clock.yaml"
    path.write_text(yaml.safe_dump(SMALL | {"task": task}), encoding="utf-8")
    return path


def test_a_whole_search_is_judged_by_the_verifier(cli: Any, config: Path, tmp_path: Path) -> None:
    settings = load_config(config)
    state = search(settings, tmp_path / "run", Quiet())
    (candidate,) = state.candidates.values()
    result = state.results[candidate.id]
    assert result.status == "done" and [outcome.id for outcome in result.outcomes] == [
        row.id for row in load_task(settings.task).rows("val")
    ]
    assert cli("leaderboard", tmp_path / "run", "--json").code == 0
    assert cli("export", tmp_path / "run", "--to", "trl", "-o", tmp_path / "out").code == 0


@pytest.mark.parametrize("command", ["run", "data", "doctor", "validate"])
def test_commands_refuse_a_verifier_that_accepts_everything(cli: Any, config: Path, command: str) -> None:
    arguments = {
        "run": ("run", config, "--dry-run"),
        "validate": ("validate", config.parent / "rewards" / "pays_the_line.py", "--config", config),
    }.get(command, (command, config))
    code = "def verify(completion, answer, **columns):\n    return bool(completion)\n"
    (config.parent / "clock.py").write_text(code, encoding="utf-8")
    done = cli(*arguments, *(["--json"] if command == "doctor" else []))
    row, said = load_task(load_config(config).task).rows("train")[0], done.out + done.err
    assert "clock.py" in said and row.id in said
    assert done.code == 2, said


def test_the_sheet_shows_what_supervised_fine_tuning_teaches(cli: Any, config: Path) -> None:
    sheet = json.loads(cli("data", config, "--json").out)
    assert sheet["task"] == "clock" and sheet["example"]["completion"].endswith(
        f"Answer: {sheet['example']['row']['answer']}"
    )
