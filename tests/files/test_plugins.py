"""Implementations by name, from wherever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewardsearch.errors import UserError
from rewardsearch.files.plugins import load_plugin, plugin_names

BUILT_IN = {"path": "pathlib:Path"}


def test_a_name_is_a_built_in_one_a_module_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Mine:\n    size = 3\n")
    assert load_plugin("task", "path", BUILT_IN, "task.name") is Path
    assert load_plugin("task", "pathlib:PurePath", BUILT_IN, "task.name").__name__ == "PurePath"
    found = load_plugin("task", f"{file}:Mine", BUILT_IN, "task.name")
    assert found.size == 3 and load_plugin("task", f"{file}:Mine", BUILT_IN, "task.name") is found


def test_an_entry_point_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rewardsearch.exporters]\nmine = fractions:Fraction\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugin_names("exporter", BUILT_IN) == ("path", "mine")
    assert load_plugin("exporter", "mine", BUILT_IN, "--to").__name__ == "Fraction"


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("nothing", ("'nothing'", "path", "file.py:Name")),
        ("no.such.module:Name", ("no.such.module", "ModuleNotFoundError")),
        ("pathlib:Nothing", ("pathlib", "'Nothing'")),
        ("missing.py:Name", ("missing.py", "FileNotFoundError")),
    ],
)
def test_a_name_that_stands_for_nothing_is_the_users_mistake(name: str, named: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        load_plugin("engine", name, BUILT_IN, "train.engine")
    assert all(each in str(caught.value) for each in ("train.engine", *named))
