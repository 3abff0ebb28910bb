"""Adapters for a vLLM server to read: each has a name and a folder of its own, in shared memory where there is room.

A server may keep what it computed under an adapter's name, so no name is used twice. The folder of an adapter is deleted when the
one after the next is published: until then a request for it may still be at work.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict
from safetensors.torch import save_file

from rewardsearch.files import memory_root, scratch_prefix
from rewardsearch.files.disk import scratch_root
from rewardsearch.train.engines.vllm.client import Client

_ROOM = 4
"""Shared memory must have room for this many adapters."""


class Adapters:
    """The adapters that one process has published, `kept` of which the server still has."""

    def __init__(self, kept: int = 2) -> None:
        self._kept = kept
        self._folder: Path | None = None
        self._published: deque[tuple[str, Path]] = deque()
        self._number = 0

    def publish(self, client: Client, model: Any) -> str:
        """The name under which the server has the adapter that `model` has now. Only its A and B are written."""
        weights = {name: weight.contiguous().cpu() for name, weight in get_peft_model_state_dict(model).items()}
        size = sum(weight.nbytes for weight in weights.values())
        name, folder = self._next(size)
        folder.mkdir()
        save_file(weights, folder / "adapter_model.safetensors")
        model.peft_config["default"].save_pretrained(str(folder))
        self._published.append((name, folder))
        client.load(name, folder)
        while len(self._published) > self._kept:
            self._retire(client)
        return name

    def close(self, client: Client | None) -> None:
        """Deletes all of them, on the server at `client` too."""
        while self._published:
            self._retire(client)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _next(self, size: int) -> tuple[str, Path]:
        if self._folder is None:
            memory = memory_root()
            roomy = memory is not None and shutil.disk_usage(memory).free >= _ROOM * size
            root = memory if roomy else scratch_root()
            self._folder = Path(tempfile.mkdtemp(prefix=scratch_prefix("adapters"), dir=root))
        self._number += 1
        name = f"{self._folder.name}-{self._number}"
        return name, self._folder / str(self._number)

    def _retire(self, client: Client | None) -> None:
        name, folder = self._published.popleft()
        if client is not None:
            client.unload(name)
        shutil.rmtree(folder, ignore_errors=True)
