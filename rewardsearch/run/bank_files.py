"""The cache of rollout banks: completions of a policy on a task's training rows, sampled once and kept under a hash.

A bank belongs to no run: searches with the same policy, task and sampling share it. Its file is a head line, with the number
and the SHA-256 of what follows, and one rollout a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from rewardsearch.config import Config
from rewardsearch.files import file_digest, write_atomic
from rewardsearch.files.resources import PACKAGE, cache_folder
from rewardsearch.records import Rollout
from rewardsearch.run.environment import code_digest, environment_key
from rewardsearch.run.inputs import TEST_SPLIT, policy_digest, settings_of
from rewardsearch.run.sft_files import sft_fingerprint


def bank_fingerprint(config: Config) -> str:
    """SHA-256 of everything that the bank of `config` depends on: policy, its fine-tuning, training rows and the code that makes
    them, sampling, size.

    A policy or data file on this machine counts by what it is, a model of the hub by its name. The search's own seed does
    not count: searches with other seeds judge by the same completions.
    """
    train, bank = config.train, config.bank
    depends = {
        "policy": settings_of(config, "policy", "lora") | {"files": policy_digest(config.policy.model)},
        "task": settings_of(config, "task", "val_rows", *TEST_SPLIT),
        "files": [file_digest(file) for file in config.task.data_files(test=False)],
        "code": code_digest(PACKAGE / "tasks"),
        # More of `task.data` is for training where the test rows come from elsewhere.
        "own_test": config.task.test_data is not None,
        "sampling": [train.temperature, train.top_p, train.max_completion_tokens, train.eval_batch_size],
        "size": [bank.questions, bank.group_size],
    }
    if config.sft.enabled:
        depends["sft"] = sft_fingerprint(config)
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def bank_path(config: Config) -> Path:
    """Where the bank of `config` is kept in the cache. The environment counts beside the mark, so that no search takes over what
    was sampled in another one."""
    key = hashlib.sha256(f"{bank_fingerprint(config)} {environment_key(config)}".encode()).hexdigest()[:16]
    return cache_folder() / "banks" / f"{key}.jsonl"


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
