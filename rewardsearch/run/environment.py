"""The environment of training runs on this machine: versions, code and device, and a digest of what results depend on.

torch is not imported here.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.files.plugins import plugin_code
from rewardsearch.files.resources import PACKAGE
from rewardsearch.records import LIBRARIES, Device, Environment
from rewardsearch.rewards.identity import strip_docstrings
from rewardsearch.run.devices import accelerators
from rewardsearch.tasks import task_code

CODE = ("tasks", "train/engines", "train/worker", "rewards/sandbox")
"""The parts of this package that rows, training runs, outcomes and rewards follow from."""
_PACKAGES = (*LIBRARIES, "numpy", "rewardsearch")


def environment_of(config: Config, device: Device | None = None) -> Environment:
    """The environment that training runs of `config` have here. device: what they are on, where that is known."""
    return Environment(
        versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        code={name: code_digest(place)[:12] for name, place in _code_of(config).items()},
        device=device or _device(config),
    )


def environment_key(config: Config) -> str:
    """A digest of all of the environment that results depend on: what other environments made is not taken over from caches."""
    here = environment_of(config)
    python = here.versions["python"].split(".")[:2]
    counts = [
        python,
        [here.versions[name] for name in LIBRARIES],
        here.code,
        here.device.model_dump(exclude={"threads"}),
    ]
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()


def _code_of(config: Config) -> dict[str, Path]:
    """The code that results follow from: CODE, and that of a task or an engine from outside the package."""
    task, engine = task_code(config.task), plugin_code("engine", config.train.engine, {})
    outside = {config.task.label: task, "engine": engine if engine and engine.exists() else None}
    return {name: PACKAGE / name for name in CODE} | {name: place for name, place in outside.items() if place}


def cpu(threads: int) -> Device:
    return Device(kind="cpu", name=_cpu_name(), threads=threads)


@lru_cache
def code_digest(folder: Path) -> str:
    """SHA-256 of a Python file, or of the Python files under `folder`, names and code, as they are when this process first
    asks. Comments, docstrings and formatting do not count."""
    found = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
    files = [(file.relative_to(folder).as_posix(), _code(file)) for file in found]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def _code(file: Path) -> str:
    tree = ast.parse(file.read_bytes())
    strip_docstrings(tree)
    return ast.dump(tree)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _device(config: Config) -> Device:
    found = () if config.policy.device == "cpu" else accelerators()
    if found or config.policy.device == "cuda":
        return Device(kind="cuda", name=", ".join(sorted({each.name for each in found})))
    return cpu(config.train.threads)


@lru_cache
def _cpu_name() -> str:
    """The model of the CPU, with the machine's architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    facts: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            facts.setdefault(key.strip(), value.strip())
    keys = ("model name", "cpu family", "model", "CPU implementer", "CPU part")
    found = [facts[keys[0]]] if keys[0] in facts else []
    found += [f"{key} {facts[key]}" for key in keys[1:] if key in facts]
    return ", ".join([platform.machine(), *(found or [platform.processor()])])
