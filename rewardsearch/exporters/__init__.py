"""Export: the rewards of a run as files for a trainer. One file per target; see `Exporter` to add one."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from rewardsearch.errors import UserError
from rewardsearch.exporters import targets
from rewardsearch.exporters.records import ExportExample, ExportSelection
from rewardsearch.exporters.selection import select_rewards
from rewardsearch.exporters.target import TrainerTarget
from rewardsearch.files import write_atomic
from rewardsearch.files.plugins import load_plugin

__all__ = [
    "EXPORTERS",
    "ExportExample",
    "ExportSelection",
    "Exporter",
    "TrainerTarget",
    "export",
    "load_exporter",
    "select_rewards",
]

EXPORTERS = {
    module.name.replace("_", "-"): f"{targets.__name__}.{module.name}:Target"
    for module in pkgutil.iter_modules(targets.__path__)
}
"""The built-in targets of `rewardsearch export --to`: the files of the folder `targets`."""


class Exporter(Protocol):
    """Files for one trainer. A class without arguments; `rewardsearch.testing.exporter` has its contract suite."""

    def files(self, selection: ExportSelection) -> Mapping[str, str]:
        """File name -> text, the same for the same selection. Names are relative to the folder of the export.

        Raises UserError for rewards that this target cannot take.
        """


def load_exporter(name: str) -> Exporter:
    """The exporter that `--to` names: built in, an entry point, `package.module:Name` or `file.py:Name`. Raises UserError."""
    found = load_plugin("exporter", name, EXPORTERS, "--to")
    if not callable(getattr(found, "files", None)):
        raise UserError(
            f"--to: {name} has no method `files`; name a class with files(selection) -> {{file name: text}}"
        )
    exporter: Exporter = found()
    return exporter


def export(to: str, selection: ExportSelection, folder: Path) -> tuple[Path, ...]:
    """Writes the files of the target `to` into `folder` and gives their paths.

    Raises UserError for an unknown target, a selection without rewards, and rewards that the target cannot take.
    """
    exporter = load_exporter(to)
    if not selection.rewards:
        raise UserError(f"nothing to export: {selection.source} trains on no reward; name an arm that does")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"-o: {folder} is a file; name a folder")
    files = exporter.files(selection)
    for name in files:
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not inside.parts:
            raise UserError(f"--to: {to} gives the file name {name!r}; allowed: names inside the folder of the export")
    paths = {folder / name: text for name, text in files.items()}
    for path, text in paths.items():
        write_atomic(path, text)
    return tuple(paths)
