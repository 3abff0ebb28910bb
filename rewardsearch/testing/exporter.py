"""The contract of an exporter.

class TestMine(ExporterSuite):
    exporter = MyExporter()
    module = "my_rewards.py"

    def score(self, module, batch):
        return module.compute(...)
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from rewardsearch.config import SandboxConfig
from rewardsearch.exporters import Exporter, ExportSelection
from rewardsearch.records import Batch, RewardSpec
from rewardsearch.rewards.sandbox import Sandbox

_EXACT = '''
"""Pays the gold number."""
SCALE = 2.0

def reward(prompts, completions, answer, **columns):
    return [SCALE * float(a in c) for c, a in zip(completions, answer)]
'''
_PARTS = """
from dataclasses import dataclass

SCALE = 10
max = max

@dataclass
class Length:
    value: float

def reward(prompts, completions, answer, question, **columns):
    return {
        "length": [Length(max(len(c), 1) / SCALE).value for c in completions],
        "asked": [float(q in p) for p, q in zip(prompts, question)],
    }
"""
NUMBERS = ExportSelection(
    source="ensemble-top2 of demo",
    arm="ensemble-top2",
    rewards=(
        RewardSpec(id="base:exact", name="exact", code=_EXACT),
        RewardSpec(id="a1b2c3", name="Two parts!", code=_PARTS, weight=0.5),
        RewardSpec(id="d4e5f6", name="Two parts!", code=_EXACT, weight=0.25),
    ),
    columns=("question",),
    numeric=True,
    test_findings=("F1 0.900 [0.880, 0.920] on the sealed test of the search.",),
)
"""Three rewards of a task with numbers: two have the same name, one reads a column and returns components."""
CLASSES = ExportSelection(
    source="worked-steps (a1b2c3) of hires",
    arm="a1b2c3",
    rewards=(RewardSpec(id="a1b2c3", name="worked-steps", code=_EXACT),),
    classes=("SELECTED", "REJECTED"),
    labels={"SELECTED": ("hired",), "REJECTED": ("declined",)},
    label_column="decision",
    sft_adapter="hires/sft/adapter",
)
"""One reward of a task with two classes, after supervised fine-tuning."""
_FAILS = """
def reward(prompts, completions, answer, **columns):
    if "raise" in completions:
        raise KeyError("raise")
    return [float(c) / float(a) for c, a in zip(completions, answer)]
"""
_ONE = """
def reward(prompts, completions, answer, **columns):
    return [1 for c in completions]
"""
FRAGILE = ExportSelection(
    source="fragile (f1) of demo",
    arm="f1",
    rewards=(
        RewardSpec(id="f1", name="fragile", code=_FAILS),
        RewardSpec(id="f2", name="half", code=_ONE, weight=0.5),
    ),
    numeric=True,
)
"""A reward that fails on some completions and gives values that are not finite on others, and one that does not."""
ROWS = {
    "ensemble-top2": Batch(
        prompts=("Ben has 3. How many?", "Why?"),
        completions=("it is 7", "it is 8 or so"),
        answer=("7", "12"),
        columns={"question": ("How many?", "What?")},
    ),
    "a1b2c3": Batch(
        prompts=("Job: cook", "Job: pilot"),
        completions=("SELECTED", "I see"),
        answer=("SELECTED", "REJECTED"),
        columns={},
    ),
}
"""Sample rows for each selection, by its arm."""


class ExporterSuite(ABC):
    """Tests for pytest. A subclass gives the exporter, the name of its Python file, and a way to call what it exported."""

    exporter: ClassVar[Exporter]
    module: ClassVar[str]
    selections: ClassVar[Sequence[ExportSelection]] = (NUMBERS, CLASSES)

    @abstractmethod
    def score(self, module: ModuleType, batch: Batch) -> Sequence[float]:
        """The weighted sum of the rewards of each completion, as the trainer gets it from the exported module."""

    def files(self, selection: ExportSelection) -> Mapping[str, str]:
        return _files(type(self), selection.model_dump_json())

    def test_the_same_selection_gives_the_same_files(self) -> None:
        for selection in self.selections:
            assert dict(self.exporter.files(selection.model_copy(deep=True))) == dict(self.files(selection))

    def test_files_are_texts_with_names_inside_the_folder(self) -> None:
        for selection in self.selections:
            files = self.files(selection)
            assert self.module in files and "README.md" in files
            for name, text in files.items():
                assert isinstance(text, str) and text.strip()
                assert not Path(name).is_absolute() and ".." not in Path(name).parts

    def test_no_file_has_an_absolute_path(self) -> None:
        here = {str(path) for path in (Path.cwd(), Path.home(), Path(tempfile.gettempdir()), Path(__file__).parents[1])}
        for selection in self.selections:
            for name, text in self.files(selection).items():
                found = re.findall(r"(?:(?<=[\s\"'`(=])|^)(?:/[\w.-]+){2,}|\b[A-Z]:\\\w+", text, re.MULTILINE)
                assert not found, f"{name}: {found}"
                assert not [path for path in here - {"/"} if path in text], name

    def test_the_readme_names_the_arm(self) -> None:
        for selection in self.selections:
            assert selection.arm is not None and selection.arm in self.files(selection)["README.md"]

    def test_the_module_imports_without_rewardsearch(self, tmp_path: Path) -> None:
        code = (
            "import runpy, sys\n"
            "class Refuse:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.partition('.')[0] == 'rewardsearch':\n"
            "            raise ImportError(name)\n"
            "sys.meta_path.insert(0, Refuse())\n"
            "for path in sys.argv[1:]:\n"
            "    runpy.run_path(path)\n"
        )
        paths = [str(self._write(each, tmp_path / str(place))) for place, each in enumerate(self.selections)]
        done = subprocess.run([sys.executable, "-I", "-c", code, *paths], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_python_files_are_formatted(self, tmp_path: Path) -> None:
        for place, selection in enumerate(self.selections):
            self._write(selection, tmp_path / str(place))
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def test_what_a_policy_writes_never_raises_and_every_reward_is_finite(self, tmp_path: Path) -> None:
        module = _loaded(self._write(FRAGILE, tmp_path))
        batch = Batch(prompts=("",) * 4, completions=("7", "raise", "nan", "inf"), answer=("7",) * 4)
        assert list(self.score(module, batch)) == [1.5, 0.5, 0.5, 0.5]

    def test_a_gold_answer_that_cannot_be_read_is_an_error_once(self, tmp_path: Path) -> None:
        module = _loaded(self._write(FRAGILE, tmp_path))
        batch = Batch(prompts=("",), completions=("7",), answer=("seven",))
        try:
            self.score(module, batch)
        except ValueError as error:
            assert "'seven'" in str(error)
        else:
            raise AssertionError("the gold answer 'seven' of a task with numbers was taken")
        assert list(self.score(module, batch)) == [0.0]

    def test_rewards_are_those_of_the_sandbox(self, tmp_path: Path) -> None:
        for place, selection in enumerate(self.selections):
            batch = ROWS[selection.arm or ""]
            expected = [0.0] * len(batch.completions)
            with Sandbox(SandboxConfig()) as sandbox:
                for spec in selection.rewards:
                    for i, value in enumerate(sandbox.call(spec.code, batch).rewards):
                        expected[i] += spec.weight * value
            assert any(expected)
            given = self.score(_loaded(self._write(selection, tmp_path / str(place))), batch)
            assert [round(value, 9) for value in given] == [round(value, 9) for value in expected]

    def _write(self, selection: ExportSelection, folder: Path) -> Path:
        for name, text in self.files(selection).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder / self.module


@lru_cache
def _files(suite: type[ExporterSuite], selection: str) -> Mapping[str, str]:
    return suite.exporter.files(ExportSelection.model_validate_json(selection))


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
