"""What results depend on: keys of the config, and the files of the policy and of the data, each by its content.

Which key an artifact depends on is declared in the config (config/effects.py).
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from rewardsearch.config import Config, effects_of, flat
from rewardsearch.files import file_digest
from rewardsearch.files.resources import PACKAGE, policy_folder
from rewardsearch.records import TrainingJob
from rewardsearch.run.environment import code_digest

Artifact = Literal["training", "bank", "sft"]
_BLOCK, _BLOCKS = 1 << 16, 16
_MODEL = frozenset((".safetensors", ".bin", ".pt", ".gguf", ".json", ".model", ".jinja"))
_VOCABULARY = ("vocab.txt", "merges.txt")


def fingerprint(artifact: Artifact, config: Config, job: TrainingJob | None = None) -> str:
    """SHA-256 of everything that an artifact depends on: the result of `job` ("training"), the rollout bank, or the supervised
    fine-tuning with its outcomes on `val`.

    A data file on this machine counts by its content, one of the hub by its name. So does the policy for the bank and the
    fine-tuning, which are shared by runs; within a run it may not change. The search's own seed counts for a job alone.
    """
    depends: dict[str, Any] = {"config": settings(artifact, config)}
    if artifact == "training":
        assert job is not None
        # A segment that continues another gives what the whole run would have given.
        usual = {"method"} if job.method == "rewards" else set()
        depends["job"] = job.model_dump(mode="json", exclude={"folder", "start"} | usual)
        depends["data"] = [file_digest(file) for file in config.task.data_files(test=config.paper_protocol)]
    else:
        depends["data"] = [file_digest(file) for file in config.task.data_files(test=False)]
        depends["policy"] = policy_digest(config.policy.model)
        # More of `task.data` is for train and val where the test rows come from elsewhere.
        depends["own_test"] = config.task.test_data is not None
        if config.policy.device == "cuda":
            # Only on a CPU the order of sums follows the number of threads.
            del depends["config"]["train.threads"]
    if artifact == "bank":
        depends["code"] = code_digest(PACKAGE / "tasks")
    if artifact != "sft" and config.sft.enabled:
        depends["sft"] = fingerprint("sft", config)
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def settings(artifact: Artifact, config: Config) -> dict[str, Any]:
    """The keys of the config that an artifact depends on, with their values."""
    effects = effects_of(Config)
    return {key: value for key, value in _values(config).items() if artifact in effects[_field(key)]}


def may_change(key: str) -> bool:
    """Whether a key of the config may change between two sessions on a run: whether nothing depends on it."""
    return not effects_of(Config)[_field(key)]


def _values(config: Config) -> dict[str, Any]:
    return flat(config.model_dump(mode="json"))


@lru_cache(maxsize=1024)
def _field(key: str) -> str:
    """The field that a key belongs to: itself, or the mapping that it is an entry of."""
    known = effects_of(Config)
    while key not in known:
        key = key.rpartition(".")[0]
    return key


def inputs_of(config: Config) -> dict[str, str]:
    """A digest of what each key of the config names on this machine; what is of the hub, or not there, is left out.

    The sealed test's own file counts only where the test is ranked on.
    """
    task = config.task
    files = {"task.train_file": task.train_file, "task.data": task.data, "task.val_data": task.val_data}
    if config.paper_protocol:
        files |= {"task.test_file": task.test_file, "task.test_data": task.test_data}
    found = {key: file_digest(file) for key, file in files.items() if file is not None}
    found["policy.model"] = policy_digest(config.policy.model)
    return {key: digest for key, digest in found.items() if digest}


def policy_digest(model: str) -> str:
    """SHA-256 over the files of a policy on this machine; empty for one of the hub.

    The files are those that a model is loaded from, by their suffix. When one was copied or touched does not count. Of one with
    more than 1 MiB, as weights are, its size and sixteen parts of 64 KiB at even distances count: training, merging and
    quantising change all of them.
    """
    folder = policy_folder(model)
    names = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else ()
    own = sorted(
        name
        for name in names
        if (name.suffix in _MODEL or name.name in _VOCABULARY) and not any(part.startswith(".") for part in name.parts)
    )
    digests = [(name.as_posix(), _policy_file_digest(folder / name)) for name in own]
    return hashlib.sha256(repr(digests).encode()).hexdigest() if digests else ""


def _policy_file_digest(file: Path) -> str:
    stat = file.stat()
    return _sampled_digest(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sampled_digest(file: Path, size: int, changed: int) -> str:
    """The digest of one file of a policy, read once for each size and time of change."""
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as stream:
        if size <= _BLOCK * _BLOCKS:
            digest.update(stream.read())
        else:
            for block in range(_BLOCKS):
                stream.seek((size - _BLOCK) * block // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK))
    return digest.hexdigest()
