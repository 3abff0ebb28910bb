"""The commands that look at the verifier of `kind: file` before a search."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from user_data import CLOCK_FORM, CLOCK_TIMES, write_lines

from rewardsearch.config import load_config
from rewardsearch.tasks import load_task

OUTSIDE = Path(__file__).parents[1] / "outside"
SIZES = {"train_rows": 30, "val_rows": 12, "test_rows": 12}
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
    path.write_text(
        yaml.safe_dump({"task": task, "propose": {"proposer": "folder", "folder": "rewards"}}), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("command", ["run", "data", "doctor", "validate"])
def test_commands_refuse_a_verifier_that_accepts_everything(cli: Any, config: Path, command: str) -> None:
    arguments = {
        "run": ("run", config, "--dry-run", "--no-measure"),
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
