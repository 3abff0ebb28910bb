"""The exit codes of `run` that a user's config leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from played import SMALL, Trainer


def test_when_nothing_is_accepted_the_exit_code_is_4(tmp_path: Path, cli: Any, trainer: Trainer) -> None:
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "reads.py").write_text(
        "import os\n\n\ndef reward(prompts, completions, answer, **columns):\n    return [0.0 for c in completions]\n",
        encoding="utf-8",
    )
    settings = {**SMALL, "propose": {"proposer": "folder", "folder": str(tmp_path / "rewards")}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = cli("run", str(tmp_path / "c.yaml"), "--run-dir", str(tmp_path / "run"))
    assert done.code == 4 and "no candidate was accepted" in done.err


def test_each_mistake_of_a_config_is_a_line_and_the_exit_code_is_2(tmp_path: Path, cli: Any) -> None:
    (tmp_path / "bad.yaml").write_text("rounds: 0\nscreen: {stps: 3}\ntask: {nam: gsm8k}\n", encoding="utf-8")
    done = cli("run", str(tmp_path / "bad.yaml"))
    assert (done.code, done.out, len(done.err.strip().splitlines())) == (2, "", 3)
    assert "Traceback" not in done.err
