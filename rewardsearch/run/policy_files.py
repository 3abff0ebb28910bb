"""Checks that the files of a policy are on this machine and complete. Reads names and headers, loads nothing."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

from rewardsearch.config import EMBEDDED, PolicyConfig
from rewardsearch.files.resources import policy_folder

_HUB_ID = re.compile(r"(?!.*(--|\.\.))(\b[\w.-]+\b/)?\b[\w.-]{1,96}\b")
_INDEX = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WEIGHTS = (".safetensors", ".bin")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")


def on_hub(policy: PolicyConfig) -> bool:
    """Whether the policy is loaded from the hub: its name has the form of a hub id, and no folder has that name."""
    model = policy.model
    return model not in EMBEDDED and not policy_folder(model).exists() and _HUB_ID.fullmatch(model) is not None


def file_mistakes(policy: PolicyConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with the folder of a policy, each with what to do; nothing for one of the hub."""
    folder = policy_folder(policy.model)
    if on_hub(policy):
        return
    if folder.is_file():
        remedy = f"set policy.model: {folder.parent}"
        if folder.suffix == ".gguf":
            remedy += f", policy.gguf_file: {folder.name}"
        yield f"{policy.model} is a file", remedy
    elif not folder.is_dir():
        yield f"no such folder: {policy.model}", "give `embedded`, a folder with a model, or a hub id"
    elif policy.gguf_file is not None:
        yield from _gguf_mistakes(folder, policy.gguf_file)
    else:
        yield from _folder_mistakes(folder)


def weight_bytes(policy: PolicyConfig) -> int:
    """What the policy's weights take in memory in `policy.dtype`, from the headers of its safetensors files; 0 where they are not
    on this machine."""
    folder = _folder_here(policy)
    files = folder.glob("*.safetensors") if folder is not None and policy.gguf_file is None else ()
    return sum(map(_parameters, files)) * (4 if policy.dtype == "float32" else 2)


def chat_template(policy: PolicyConfig) -> bool | None:
    """Whether the policy's tokenizer has a chat template, from its files; None where they are not on this machine, or in a GGUF
    file."""
    folder = _folder_here(policy)
    if folder is None or policy.gguf_file is not None:
        return None
    if (folder / "chat_template.jinja").exists() or (folder / "chat_template.json").exists():
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def _folder_here(policy: PolicyConfig) -> Path | None:
    """The folder with the policy's files: its own, or that of the hub's cache."""
    folder = policy_folder(policy.model)
    if folder.is_dir() or not on_hub(policy):
        return folder if folder.is_dir() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(policy.model, "config.json", revision=policy.revision)
    return Path(cached).parent if isinstance(cached, str) else None


def _parameters(file: Path) -> int:
    """The number of parameters in a safetensors file; 0 for one that cannot be read."""
    try:
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return sum(math.prod(each["shape"]) for name, each in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return 0


def _gguf_mistakes(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    file = folder / name
    if not file.is_file():
        there = ", ".join(sorted(each.name for each in folder.glob("*.gguf"))) or "no GGUF file"
        yield f"no file {name} in {folder}, which has {there}", "name the file as policy.gguf_file"
    elif not _is_gguf(file):
        yield f"{file} is no GGUF file", "download it again"
    elif importlib.util.find_spec("gguf") is None:
        yield "the package gguf is not installed", "pip install rewardsearch[gguf]"


def _is_gguf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"GGUF"


def _folder_mistakes(folder: Path) -> Iterator[tuple[str, str]]:
    names = {each.name for each in folder.iterdir()}
    ggufs = sorted(name for name in names if name.endswith(".gguf"))
    weights = sorted(name for name in names if name.endswith(_WEIGHTS))
    missing = [] if "config.json" in names else ["config.json"]
    if not names.intersection(_TOKENIZERS):
        missing.append("tokenizer (tokenizer.json)")
    if not weights:
        missing.append("weights (*.safetensors)")
    if "adapter_config.json" in names and missing:
        yield f"{folder} holds a LoRA adapter, not a full model", "merge it into its base model, and name that folder"
    elif missing and ggufs:
        yield f"{folder} has GGUF files alone", f"name one as policy.gguf_file: {ggufs[0]}"
    elif missing:
        yield f"{folder} has no {', no '.join(missing)}", "save model and tokenizer there with save_pretrained"
    for name in _INDEX:
        if name in names:
            shards = _shards(folder / name)
            if lost := sorted(shards - names):
                yield f"{folder} lacks {', '.join(lost)}, which {name} lists", "download the model again"
    for name in weights:
        if name.endswith(".safetensors") and not _is_complete(folder / name):
            yield f"{folder / name} is cut off or no safetensors file", "download it again (with git: git lfs pull)"


def _shards(index: Path) -> set[str]:
    try:
        return set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError):
        return set()


def _is_complete(file: Path) -> bool:
    """Whether a safetensors file has a header, and the length that the header says."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy"):
            return True
    except SafetensorError:
        return False
