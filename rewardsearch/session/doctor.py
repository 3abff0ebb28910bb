"""Whether this machine can run a search: Python, packages, devices, disk, sandbox, proposer, data and policy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from rewardsearch.config import Config
from rewardsearch.errors import BudgetReached, RewardSearchError, UserError
from rewardsearch.propose import load_proposer
from rewardsearch.records.findings import Finding, Status
from rewardsearch.rewards.sandbox import LIMITS, inspect
from rewardsearch.run.devices import ask_torch, slots_of
from rewardsearch.session.outlets import outlets_of
from rewardsearch.session.preflight import data_and_policy
from rewardsearch.session.requests import first_request
from rewardsearch.train import DEVICE

_APART = "run searches in a separate virtual machine or container without keys"
_DISK_GB = 2.0
_DISK_WARN_GB = 10.0


def examine(config: Config) -> Iterator[Finding]:
    """All findings, in a fixed order. A search with `config` cannot run while one of them has the status `fail`."""
    yield _python()
    yield from _packages()
    yield from _devices(config)
    yield _disk(Path(config.run_dir or "runs"))
    yield from _sandbox(config)
    yield from _proposer(config)
    yield from _outlets(config)
    # A missing device is among the findings of _devices.
    yield from (each for each in data_and_policy(config) if each.name != DEVICE)


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    wanted = importlib.metadata.metadata("rewardsearch")["Requires-Python"]
    if SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        return Finding("python", "ok", found)
    return Finding("python", "fail", f"{found}, needs {wanted}", f"install rewardsearch with a Python {wanted}")


def _packages() -> Iterator[Finding]:
    found: list[str] = []
    for text in importlib.metadata.requires("rewardsearch") or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(requirement.name, "fail", "not installed", f"pip install '{requirement}'")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version}")
        else:
            yield Finding(
                requirement.name, "fail", f"{version}, needs {requirement.specifier}", f"pip install '{requirement}'"
            )
    yield Finding("packages", "ok", ", ".join(found))


def _devices(config: Config) -> Iterator[Finding]:
    try:
        found = ask_torch()
    except OSError as error:
        yield Finding("devices", "fail", f"torch does not load: {error}", "reinstall torch for this machine")
        return
    here = (
        f"{', '.join(map(str, found)) or 'no CUDA device'}; {os.cpu_count()} CPU cores; train.slots: {slots_of(config)}"
    )
    if found or (config.policy.device != "cuda" and config.policy.model == "embedded"):
        yield Finding("devices", "ok", here)
    elif config.policy.device == "cuda":
        yield Finding("devices", "fail", here, "set policy.device: auto, or install CUDA")
    else:
        yield Finding("devices", "warn", here, "models of millions of parameters train slowly without a GPU")


def _disk(folder: Path) -> Finding:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    found = f"{free:.0f} GB free for {folder}"
    if not os.access(existing, os.W_OK):
        return Finding("disk", "fail", f"{existing} is not writable", "name another --run-dir")
    if free < _DISK_GB:
        return Finding("disk", "fail", found, f"free {_DISK_GB:g} GB, or name another --run-dir")
    if free < _DISK_WARN_GB:
        return Finding("disk", "warn", found, "adapters of large models may not fit; name another --run-dir")
    return Finding("disk", "ok", found)


def _sandbox(config: Config) -> Iterator[Finding]:
    try:
        defences = inspect(config.sandbox.model_copy(update={"require": ()}))
    except RewardSearchError as error:
        yield Finding("sandbox", "fail", str(error), "a search needs the sandbox worker; fix the cause")
        return
    unlimited = [what for what in defences.open if what in LIMITS]
    if unlimited:
        yield Finding("sandbox limits", "warn", f"a candidate could {', '.join(unlimited)}", _APART)
    else:
        yield Finding("sandbox limits", "ok", "memory, CPU time, files and processes are limited")
    lacking = {**defences.missing, **defences.unmet(config.sandbox.require)}
    for name in dict.fromkeys((*defences.layers, *lacking)):
        if name not in lacking:
            yield Finding(f"sandbox {name}", "ok", "in force")
        elif name in config.sandbox.require:
            yield Finding(f"sandbox {name}", "fail", "not in force, and sandbox.require names it", lacking[name])
        else:
            yield Finding(f"sandbox {name}", "warn", "not in force", lacking[name])
    if not defences.open:
        yield Finding("sandbox self-check", "ok", defences.blocked)
    else:
        status: Status = "warn" if defences.missing else "fail"
        yield Finding(
            "sandbox self-check",
            status,
            f"{defences.blocked}; code that passes the static policy could {', '.join(defences.open)}",
            _APART,
        )


def _proposer(config: Config) -> Iterator[Finding]:
    try:
        proposer = load_proposer(config)
        proposer.check(first_request(config))
        warnings = [*proposer.warnings(), *proposer.check_connectivity()]
    except (UserError, BudgetReached) as error:
        yield from (Finding.of("proposer", "fail", each) for each in str(error).splitlines())
        return
    found = ": ".join(filter(None, (config.propose.proposer, proposer.describe())))
    yield Finding("proposer", "ok", found)
    yield from (Finding.of("proposer", "warn", each) for each in warnings)


def _outlets(config: Config) -> Iterator[Finding]:
    for spec in outlets_of(config):
        found, _, remedy = spec.missing.partition("; ")
        yield Finding(spec.name, "warn" if found else "ok", found or "ready", remedy)
