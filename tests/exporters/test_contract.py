"""The contract of exporters: every built-in one, and one in a file outside the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from callers import CALLERS
from outside.exporter import LinesExporter

from rewardsearch.errors import UserError
from rewardsearch.exporters import EXPORTERS, ExportSelection, export, load_exporter
from rewardsearch.records import Batch
from rewardsearch.testing.exporter import NUMBERS, ExporterSuite

OUTSIDE = Path(__file__).parents[1] / "outside" / "exporter.py"


class Target(ExporterSuite):
    module = "rewardsearch_reward.py"
    name: ClassVar[str]

    def score(self, module: ModuleType, batch: Batch) -> Sequence[float]:
        return CALLERS[self.name](module, batch)


class TestTrl(Target):
    name, exporter = "trl", load_exporter("trl")


class TestVerl(Target):
    name, exporter = "verl", load_exporter("verl")


class TestOpenRlhf(Target):
    name, exporter = "openrlhf", load_exporter("openrlhf")


class TestMsSwift(Target):
    name, exporter = "ms-swift", load_exporter("ms-swift")


class TestVerifiers(Target):
    name, exporter = "verifiers", load_exporter("verifiers")


class TestSlime(Target):
    name, exporter = "slime", load_exporter("slime")


class TestEasyR1(Target):
    name, exporter = "easyr1", load_exporter("easyr1")


class TestOutside(ExporterSuite):
    exporter = LinesExporter()
    module = "rewardsearch_reward.py"

    def score(self, module: ModuleType, batch: Batch) -> Sequence[float]:
        return [
            module.reward_of({"prompt": p, "completion": c, "answer": a, **{n: v[i] for n, v in batch.columns.items()}})
            for i, (p, c, a) in enumerate(zip(batch.prompts, batch.completions, batch.answer, strict=True))
        ]


def test_every_target_has_a_caller() -> None:
    assert set(EXPORTERS) == set(CALLERS)


@pytest.mark.parametrize("to", ["nemo", f"{OUTSIDE}:Nobody", f"{OUTSIDE}:CALLING", "nowhere.py:X"])
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
