"""Reads a search's config from YAML, with `--set key=value` on top."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rewardsearch.config.root import Config
from rewardsearch.config.sections import EMBEDDED
from rewardsearch.config.yaml_text import read_yaml
from rewardsearch.errors import UserError
from rewardsearch.files.resources import find

RENAMED_KEYS = {
    "screen": "train",
    "bank.max_dead_groups": "bank.max_zero_std_fraction",
    "propose.openai": "propose.llm",
    "race.keep": "race.min_promoted",
    "race.most": "race.max_promoted",
    "watch.clear": "watch.alarm_z",
    "watch.dead_groups": "watch.zero_std_fraction",
    "watch.fled": "watch.class_avoidance",
    "watch.flat": "watch.min_improvement_z",
    "watch.lost": "watch.forgetting",
    "watch.lost_from": "watch.forgetting_from",
}
"""Keys of earlier versions by their present names. A config that has one is refused with the present name."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The config in the YAML file `path`, with `key.sub=value` overrides applied.

    Relative data files, models and folders in it are taken as given where they exist, else beside the config file.
    Raises UserError with every mistake at once.
    """
    file = find(str(path), what="config")
    if not file.is_file():
        raise UserError(f"config is not a file: {file}; name a YAML file, such as configs/arithmetic-demo.yaml")
    try:
        data = read_yaml(file.read_text(encoding="utf-8"), str(file)) or {}
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 text: {error}; save it as UTF-8") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: got a {type(data).__name__} at the top, a config is a mapping of keys to values")
    for override in overrides:
        _apply_override(data, override)
    _resolve_paths(data, file.parent)
    data.setdefault("run_dir", f"runs/{file.stem}")
    return parse_config(data, str(file))


def parse_config(data: dict[str, Any], source: str, overrides: Sequence[str] = ()) -> Config:
    """A Config from plain data, with `key.sub=value` overrides applied. Raises UserError naming `source`, one line a mistake."""
    for override in overrides:
        _apply_override(data, override)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        found = error.errors()
        # Of a list whose only entry is wrong pydantic says that it is empty as well.
        inner = {item["loc"][:end] for item in found for end in range(len(item["loc"]))}
        shown = [item for item in found if item["type"] != "too_short" or item["loc"] not in inner]
        raise UserError(*(f"{source}: {_mistake(item)}" for item in shown)) from None


def _apply_override(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: got no key=value; write it as --set train.steps=20")
    *parents, last = key.strip().split(".")
    for parent in parents:
        inner = data.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {override}: {parent} is not a section")
        data = inner
    data[last] = read_yaml(value, f"--set {key.strip()}: the value")


_PATHS = {
    "task": ("train_file", "test_file", "data", "val_data", "test_data", "file", "environment"),
    "policy": ("model",),
    "propose": ("folder", "replay", "prompts"),
    "finalize": ("references", "references_alone"),
}
"""Keys that name files and folders."""
_NAMES = {"task": ("name",), "propose": ("proposer",), "train": ("engine", "launcher", "base_rewards")}
"""Keys that name something built in, or a file that ends with .py; `file.py:Name` is something in it."""


def _resolve_paths(data: dict[str, Any], base: Path) -> None:
    for keys in (_PATHS, _NAMES):
        for section, names in keys.items():
            inner = data.get(section)
            for name in inner.keys() & names if isinstance(inner, dict) else ():
                value = data[section][name]
                values = value if isinstance(value, list) else [value]
                found = [_resolved(each, base) if keys is _PATHS or ".py" in str(each) else each for each in values]
                data[section][name] = found if isinstance(value, list) else found[0]


def _resolved(path: Any, base: Path) -> Any:
    """The absolute form of a path that exists, as given or beside the config; anything else as it is."""
    if not isinstance(path, str) or path in EMBEDDED:
        return path
    file, colon, name = path.rpartition(":") if ".py:" in path else (path, "", "")
    place = next((p for p in (Path(file).expanduser(), base / file) if p.exists()), None)
    return path if place is None else f"{place.resolve()}{colon}{name}"


def _mistake(item: Any) -> str:
    """One pydantic error as: where, what was wrong, what was got, what is allowed."""
    where = ".".join(str(part) for part in item["loc"]) or "config"
    if item["type"] == "extra_forbidden" and where in RENAMED_KEYS:
        return f"{where}: this key is now {RENAMED_KEYS[where]}; rename it"
    if item["type"] == "extra_forbidden":
        known = _fields_at(item["loc"][:-1])
        close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        elsewhere = [f"{name}.{where}" for name in known if where in _fields_at((name,))]
        if elsewhere:
            hint = f"did you mean {' or '.join(elsewhere)}?"
        else:
            hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return message if where == "config" else f"{where}: {message}"
    if item["type"] == "model_type":
        empty = item["input"] is None
        message = (
            "section without keys; take the line out, or give it keys"
            if empty
            else "should be a section of keys and values"
        )
    if item["type"] == "tuple_type":
        message = "should be a list, such as [a, b]"
    if item["type"] == "too_short":
        least = item["ctx"]["min_length"]
        message = f"should name at least {least} value{'s' * (least > 1)}"
    return f"{where}: {message[0].lower()}{message[1:]}, got {item['input']!r}"


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """The fields of the section at `location`, through lists and mappings of sections."""
    at: Any = Config
    for part in location:
        if isinstance(at, type) and issubclass(at, BaseModel):
            field = at.model_fields.get(str(part))
            at = field.annotation if field else None
        else:
            # The item of a list, or the value of a mapping.
            arguments = get_args(at)
            at = arguments[1] if get_origin(at) is dict else arguments[0] if arguments else None
    return list(at.model_fields) if isinstance(at, type) and issubclass(at, BaseModel) else []
