"""What results depend on: which keys of the config, and the files of the policy and of the data, each by what it is."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewardsearch.config import Config
from rewardsearch.files import file_digest
from rewardsearch.files.resources import policy_folder

CHANGEABLE = (
    "run_dir",
    "rounds",
    "task.show_rows",
    "budget",
    "finalize",
    "propose.llm",
    "propose.prompt_tokens",
    "sandbox.require",
    "sandbox.bubblewrap",
    "train.baseline_seeds",
    "train.slots",
    "train.retries",
    "train.stall_minutes",
    "train.max_infrastructure_errors",
    "rank.min_correct",
)
"""The keys, and sections, that may change between two sessions on a run: how far it goes, how its work is spread, and which
server is asked at what length and shown which texts. No result depends on them."""
TEST_SPLIT = ("test_rows", "test_file", "test_data")
"""The keys of `task` that no row of train and val depends on, but for whether the test rows have a source of their own."""
_BLOCK, _BLOCKS = 1 << 16, 16
_MODEL = frozenset((".safetensors", ".bin", ".pt", ".gguf", ".json", ".model", ".jinja"))
_VOCABULARY = ("vocab.txt", "merges.txt")


def settings_of(config: Config, section: str, *others: str) -> dict[str, Any]:
    """A section of the config as results depend on it: without the keys in CHANGEABLE, and without `others`."""
    settings: dict[str, Any] = getattr(config, section).model_dump(mode="json", exclude=set(others))
    return {key: value for key, value in settings.items() if f"{section}.{key}" not in CHANGEABLE}


def inputs_of(config: Config) -> dict[str, str]:
    """A digest of what each key of the config names on this machine; what is of the hub, or not there, is left out.

    The sealed test's own file counts only where the test is ranked on.
    """
    files = {"task.train_file": config.task.train_file, "task.data": config.task.data}
    if config.paper_protocol:
        files |= {"task.test_file": config.task.test_file, "task.test_data": config.task.test_data}
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
    prints = [(name.as_posix(), _print_of(folder / name)) for name in own]
    return hashlib.sha256(repr(prints).encode()).hexdigest() if prints else ""


def _print_of(file: Path) -> str:
    stat = file.stat()
    return _print(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _print(file: Path, size: int, changed: int) -> str:
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
