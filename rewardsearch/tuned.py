"""The folder of a supervised fine-tuning: adapter/ in PEFT's format, and result.json, written last, with the digest of each of
its files.

It stands in the run, and in a cache that runs share: searches with the same policy, data and fine-tuning train it once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from pydantic import ValidationError

from rewardsearch.config import EMBEDDED, Config
from rewardsearch.files import code_digest, file_digest, file_stamps, write_atomic
from rewardsearch.records import SftResult
from rewardsearch.resources import PACKAGE, cache_folder, policy_folder

SFT = "sft"
"""The folder in a run, and the folder of all of them in the cache."""
ADAPTER = "adapter"
TASKS = PACKAGE / "tasks"
"""The code that rows, demonstrations and outcomes follow from."""
_RESULT = "result.json"


def sft_mark(config: Config) -> str:
    """SHA-256 of everything that the fine-tuning of `config` and its outcomes on `val` depend on.

    A policy or data file on this machine counts by what it is, a model or data set of the hub by its name. The number of threads
    counts where the training may be on a CPU, whose sums follow their order.
    """
    task, screen, folder = config.task, config.screen, policy_folder(config.policy.model)
    # A carried policy is the same on every machine that has this version, whenever it was installed.
    carried = config.policy.model in EMBEDDED
    files = [file_digest(str(each)) for each in sorted(folder.glob("*"))] if carried else file_stamps(folder)
    depends = {
        "policy": [config.policy.model_dump(mode="json", exclude={"lora"}), files],
        # Where `val` and `test` are carved from the same table, the size of one is the place of the other.
        "task": task.model_dump(
            mode="json", exclude={"show_rows"} if task.data else {"show_rows", "test_rows", "test_file"}
        ),
        "data": [file_digest(file) for file in task.data_files(test=task.data is not None)],
        "sft": config.sft.model_dump(mode="json", exclude={"enabled"}),
        "evaluation": [screen.max_completion_tokens, screen.eval_batch_size],
        "threads": None if config.policy.device == "cuda" else screen.threads,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def tuned_cache(config: Config) -> Path:
    """Where the fine-tuning of `config` is kept in the cache.

    Beside the mark the code of the tasks counts, so that no run takes over what another version's rows taught; a run that has
    its fine-tuning keeps it.
    """
    key = f"{sft_mark(config)} {code_digest(TASKS)}"
    return cache_folder() / SFT / hashlib.sha256(key.encode()).hexdigest()[:16]


def save_tuned(folder: Path, result: SftResult) -> None:
    """Writes `result` beside the adapter in `folder`, which is whole from then on."""
    files = {file.name: file_digest(str(file)) for file in sorted((folder / ADAPTER).iterdir())}
    stored = {"files": files, "result": result.model_dump(mode="json")}
    write_atomic(folder / _RESULT, json.dumps(stored, indent=1) + "\n")


def load_tuned(folder: Path, mark: str) -> SftResult | None:
    """The fine-tuning in `folder`; None when there is none, when a file of it is damaged, or when its mark is not `mark`."""
    try:
        stored = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        result = SftResult.model_validate(stored["result"])
        whole = all(file_digest(str(folder / ADAPTER / name)) == digest for name, digest in stored["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None
    return result if whole and stored["files"] and result.mark == mark else None


def copy_tuned(source: Path, target: Path) -> None:
    """Copies a fine-tuning's folder, whole or not at all. Raises OSError where `target` cannot be written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)
