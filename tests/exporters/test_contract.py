"""The contract of exporters: the built-in one, and one in a file outside the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from outside.exporter import VerlExporter

from rewardsearch.errors import UserError
from rewardsearch.exporters import ExportSelection, export
from rewardsearch.exporters.trl import TrlExporter
from rewardsearch.records import Batch
from rewardsearch.testing.exporter import NUMBERS, ExporterSuite

OUTSIDE = Path(__file__).parents[1] / "outside" / "exporter.py"


class TestTrl(ExporterSuite):
    exporter = TrlExporter()
    module = "rewardsearch_reward.py"

    def score(self, module: ModuleType, batch: Batch) -> Sequence[float]:
        columns = {"answer": list(batch.answer), **{name: list(values) for name, values in batch.columns.items()}}
        return module.trl_reward(prompts=list(batch.prompts), completions=list(batch.completions), **columns)


class TestVerlFromOutside(ExporterSuite):
    exporter = VerlExporter()
    module = "verl_reward.py"

    def score(self, module: ModuleType, batch: Batch) -> Sequence[float]:
        rows = zip(batch.prompts, batch.completions, batch.answer, strict=True)
        return [
            module.compute_score(
                "demo", completion, gold, {"prompt": prompt, **{name: v[i] for name, v in batch.columns.items()}}
            )
            for i, (prompt, completion, gold) in enumerate(rows)
        ]


@pytest.mark.parametrize("to", ["verl", f"{OUTSIDE}:Nobody", f"{OUTSIDE}:README", "nowhere.py:X"])
def test_an_unknown_target_is_the_users_mistake(tmp_path: Path, to: str) -> None:
    with pytest.raises(UserError, match="--to") as refused:
        export(to, NUMBERS, tmp_path / "out")
    assert len(refused.value.mistakes) == 1 and not (tmp_path / "out").exists()


def test_a_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sly.py"
    path.write_text("class Sly:\n    def files(self, selection):\n        return {'../x': 'x'}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"'\.\./x'"):
        export(f"{path}:Sly", NUMBERS, tmp_path / "out")
    assert not (tmp_path / "x").exists()


def test_a_selection_without_rewards_and_a_file_in_the_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to export"):
        export("trl", ExportSelection(source="demo", rewards=()), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        export("trl", NUMBERS, tmp_path / "file")
