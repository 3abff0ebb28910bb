"""The cache of rollout banks: completions of a policy on a task's training rows, sampled once and kept under a hash.

A bank belongs to no run: searches with the same policy, task and sampling share it. Its file is a head line, with the number
and the SHA-256 of what follows, and one rollout a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from rewardsearch.config import EMBEDDED, Config
from rewardsearch.files import write_atomic
from rewardsearch.records import Rollout
from rewardsearch.resources import PACKAGE

CACHE = "REWARDSEARCH_CACHE"
"""The environment variable that names the cache folder."""
_OTHER_SPLITS = {"val_rows", "test_rows", "test_file"}


def bank_mark(config: Config) -> str:
    """SHA-256 of everything that the bank of `config` depends on: policy, training rows, sampling, size.

    A policy or data file on this machine counts by what it is, a model of the hub by its name. The search's own seed does
    not count: searches with other seeds judge by the same completions.
    """
    screen, bank = config.screen, config.bank
    policy = config.policy.model_dump(mode="json", exclude={"lora"})
    depends = {
        "policy": policy | {"files": _files(_folder(config.policy.model))},
        "task": config.task.model_dump(mode="json", exclude=_OTHER_SPLITS) | {"data": _digest(config.task.train_file)},
        "sampling": [screen.temperature, screen.top_p, screen.max_completion_tokens, screen.eval_batch_size],
        "size": [bank.questions, bank.group_size],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def bank_path(config: Config) -> Path:
    """Where the bank of `config` is kept: in $REWARDSEARCH_CACHE, else $XDG_CACHE_HOME/rewardsearch, else
    ~/.cache/rewardsearch."""
    if own := os.environ.get(CACHE):
        cache = Path(own).expanduser()
    elif shared := os.environ.get("XDG_CACHE_HOME"):
        cache = Path(shared) / "rewardsearch"
    else:
        cache = Path.home() / ".cache" / "rewardsearch"
    return cache / "banks" / f"{bank_mark(config)[:16]}.jsonl"


def save_bank(path: Path, rollouts: Sequence[Rollout]) -> None:
    body = "".join(rollout.model_dump_json() + "\n" for rollout in rollouts)
    head = {"rollouts": len(rollouts), "sha256": hashlib.sha256(body.encode()).hexdigest()}
    write_atomic(path, json.dumps(head) + "\n" + body)


def load_bank(path: Path) -> tuple[Rollout, ...] | None:
    """The bank in `path`; None where there is none. A damaged file is removed, so that it is sampled anew."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    head, _, body = text.partition(b"\n")
    try:
        told = json.loads(head)
        if told["sha256"] == hashlib.sha256(body).hexdigest():
            rollouts = tuple(Rollout.model_validate_json(line) for line in body.split(b"\n") if line)
            if rollouts and len(rollouts) == told["rollouts"]:
                return rollouts
    except (ValueError, KeyError, TypeError, ValidationError):
        pass
    path.unlink(missing_ok=True)
    return None


def _folder(model: str) -> Path:
    return PACKAGE / "embedded" / "policy" if model == EMBEDDED else Path(model).expanduser()


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change of the files in `folder`; none where it is not a folder of this machine."""
    if not folder.is_dir():
        return []
    files = ((file.relative_to(folder).as_posix(), file.stat()) for file in folder.rglob("*") if file.is_file())
    return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)


def _digest(file: str | None) -> str:
    """SHA-256 of a data file; empty for one that is not there, which its task reports."""
    path = None if file is None else Path(file).expanduser()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None and path.is_file() else ""
