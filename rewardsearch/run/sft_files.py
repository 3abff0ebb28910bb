"""The folder of a supervised fine-tuning: adapter/ in PEFT's format, and result.json, written last, with the digest of each of
its files.

It stands in the run, and in a cache that runs share: searches with the same policy, data and fine-tuning train it once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from rewardsearch.config import Config
from rewardsearch.files import file_digest, part_of, write_atomic
from rewardsearch.files.resources import cache_folder
from rewardsearch.records import SftResult
from rewardsearch.run.environment import environment_key
from rewardsearch.run.inputs import TEST_SPLIT, policy_digest, settings_of

SFT = "sft"
"""The folder in a run, and the folder of all of them in the cache."""
ADAPTER = "adapter"
_RESULT = "result.json"


def sft_fingerprint(config: Config) -> str:
    """SHA-256 of everything that the fine-tuning of `config` and its outcomes on `val` depend on.

    A policy or data file on this machine counts by what it is, a model or data set of the hub by its name. The number of threads
    counts where the training may be on a CPU, whose sums follow their order.
    """
    task, train = config.task, config.train
    depends = {
        "policy": [settings_of(config, "policy", "lora"), policy_digest(config.policy.model)],
        "task": settings_of(config, "task", *TEST_SPLIT),
        "data": [file_digest(file) for file in task.data_files(test=False)],
        # More of `task.data` is for train and val where the test rows come from elsewhere.
        "own_test": task.test_data is not None,
        "sft": config.sft.model_dump(mode="json", exclude={"enabled"}),
        "evaluation": [train.max_completion_tokens, train.eval_batch_size],
        "threads": None if config.policy.device == "cuda" else train.threads,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def sft_cache(config: Config) -> Path:
    """Where the fine-tuning of `config` is kept in the cache.

    The environment counts beside the mark, so that no run takes over what was taught in another one; a run that has its
    fine-tuning keeps it.
    """
    key = f"{sft_fingerprint(config)} {environment_key(config)}"
    return cache_folder() / SFT / hashlib.sha256(key.encode()).hexdigest()[:16]


def save_sft(folder: Path, result: SftResult) -> None:
    """Writes `result` beside the adapter in `folder`, which is whole from then on."""
    stored = {"files": _adapter_files(folder), "result": result.model_dump(mode="json")}
    write_atomic(folder / _RESULT, json.dumps(stored, indent=1) + "\n")


def adapter_digest(folder: Path) -> str:
    """SHA-256 of the adapter in a fine-tuning's folder."""
    return hashlib.sha256(repr(sorted(_adapter_files(folder).items())).encode()).hexdigest()


def _adapter_files(folder: Path) -> dict[str, str]:
    return {file.name: file_digest(str(file)) for file in sorted((folder / ADAPTER).iterdir())}


def load_sft(folder: Path, mark: str, whole: bool = True) -> SftResult | None:
    """The fine-tuning in `folder`; None when there is none, when its mark is not `mark`, or, where it has to be `whole`, when a
    file of its adapter is missing or damaged."""
    try:
        stored = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        result = SftResult.model_validate(stored["result"])
        files = stored["files"].items()
        if whole and not all(file_digest(str(folder / ADAPTER / name)) == digest for name, digest in files):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None
    return result if files and result.fingerprint == mark else None


def copy_sft(source: Path, target: Path) -> None:
    """Copies a fine-tuning's folder, whole or not at all, in place of what `target` is.

    Of several processes that copy to one target the last that finds it free is the one whose copy stays. Raises OSError
    where `source` goes while it is copied, or `target` cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _aside(target, "new") as part, _aside(target, "old") as old:
        shutil.copytree(source, part)
        with contextlib.suppress(FileNotFoundError):
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if not target.is_dir():
                raise


@contextlib.contextmanager
def _aside(target: Path, what: str) -> Iterator[Path]:
    """A name beside `target` for a folder of this process, which is gone at the end."""
    path = part_of(target.with_name(f"{target.name}.{what}"))
    shutil.rmtree(path, ignore_errors=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
