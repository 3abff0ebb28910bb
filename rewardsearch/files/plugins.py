"""Implementations by name: built-in, from entry points of installed packages, `package.module:Name`, `file.py:Name`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from rewardsearch.errors import UserError

Kind = Literal["task", "proposer", "engine", "launcher", "exporter"]
"""What can come from outside. The entry-point group of a kind is `rewardsearch.KINDs`, such as `rewardsearch.tasks`."""


def plugin_names(kind: Kind, built_in: Mapping[str, str]) -> tuple[str, ...]:
    """The built-in names of a kind, and those that installed packages add."""
    return (*built_in, *sorted({entry.name for entry in entry_points(group=f"rewardsearch.{kind}s")} - {*built_in}))


def load_plugin(kind: Kind, name: str, built_in: Mapping[str, str], key: str) -> Any:
    """The class or function that `name` stands for.

    name: a built-in name, the name of an entry point, `package.module:Name`, or `path/file.py:Name`. built_in: the built-in
    ones as name -> `package.module:Name`. key: the config key or option that gave the name, for the message.

    Raises UserError where nothing has that name, or it cannot be imported.
    """
    if name in built_in:
        return _attribute(built_in[name], key)
    for entry in entry_points(group=f"rewardsearch.{kind}s", name=name):
        return _attribute(entry.value, key)
    if ":" in name:
        return _attribute(name, key)
    allowed = ", ".join(plugin_names(kind, built_in))
    raise UserError(f"{key}: got {name!r}; allowed: {allowed}, package.module:Name, or file.py:Name")


def _attribute(target: str, key: str) -> Any:
    place, _, name = target.rpartition(":")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        raise UserError(
            f"{key}: {place} cannot be imported ({type(error).__name__}: {error}); check its path and its code"
        ) from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise UserError(f"{key}: {place} has no {name!r}; name a class or function that it defines") from None


def _from_file(path: Path) -> ModuleType:
    """The module of a file, loaded once per process and content."""
    full = path.expanduser().resolve()
    code = full.read_bytes()
    name = f"rewardsearch_plugin_{hashlib.sha256(str(full).encode() + code).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, full)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def plugin_code(kind: Kind, name: str, built_in: Mapping[str, str]) -> Path | None:
    """The code of an implementation from outside: its file, or the folder of the package that its module is in.

    None for built-in names and for names that stand for nothing. Nothing of it is run, but a package around the module is
    imported.
    """
    if name in built_in:
        return None
    target = next((entry.value for entry in entry_points(group=f"rewardsearch.{kind}s", name=name)), name)
    place = target.rpartition(":")[0]
    return module_code(place)


def module_code(place: str) -> Path | None:
    """The same for a Python file by its path, or a module by its name."""
    if place.endswith(".py"):
        return Path(place).expanduser().resolve()
    try:
        found = importlib.util.find_spec(place) if place else None
    except (ImportError, ValueError):
        return None
    if found is None or found.origin is None:
        return None
    file = Path(found.origin)
    return file.parent if "." in place or found.submodule_search_locations else file
