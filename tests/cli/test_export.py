"""`rewardsearch export` with a target from a file outside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

EXPORTER = Path(__file__).parents[1] / "outside" / "exporter.py"


def test_a_run_is_exported_by_an_exporter_outside_the_package(cli: Any, run: Path, tmp_path: Path) -> None:
    done = cli("export", run, "--to", f"{EXPORTER}:LinesExporter", "-o", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    names: dict[str, Any] = {}
    exec((tmp_path / "out" / "rewardsearch_reward.py").read_text(encoding="utf-8"), names)
    assert names["reward_of"]({"completion": "it is 7", "answer": "7"}) == pytest.approx(0.5 + 0.5 * 1.0 + 0.5 * 2.0)
    assert "ensemble-top3" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
