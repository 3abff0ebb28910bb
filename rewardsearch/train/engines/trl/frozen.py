"""Whether the frozen weights of a policy are still those that were loaded.

Every arm starts from the same base, so a base that changed would make arms incomparable without anyone noticing. The digests
cover every bit of every weight, by integer sums over rows of 8 KiB. They take 0.1 to 0.2 s for each gigabyte on one CPU thread.
What they do not cover: 8-byte words that change places within a row, and buffers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

from rewardsearch.errors import MachineError

_ROW = 1024
"""Words of a row."""


def weight_digests(model: Any) -> dict[str, str]:
    """A digest of each weight of `model`, by name."""
    return {name: _digest(weight.detach()) for name, weight in model.named_parameters()}


def check_frozen(model: Any, digests: Mapping[str, str]) -> None:
    """Raises MachineError where a weight of `model` is not as it was when `digests` were made."""
    now = weight_digests(model)
    changed = [name for name in {**digests, **now} if digests.get(name) != now.get(name)]
    if changed:
        raise MachineError(
            f"the policy's frozen base changed while an adapter was trained or evaluated: {len(changed)} of {len(now)} weights, "
            f"{changed[0]} the first; nothing of it was kept"
        )


def _digest(weight: torch.Tensor) -> str:
    flat = weight.reshape(-1)
    aligned = flat.data_ptr() % 8 == 0 and flat.storage_offset() * flat.element_size() % 8 == 0
    data = (flat if aligned else flat.clone()).view(torch.uint8)
    whole = data.numel() // (8 * _ROW) * 8 * _ROW
    sums = data[:whole].view(torch.int64).view(-1, _ROW).sum(dim=1)
    rest = data[whole:]
    return hashlib.sha256(sums.cpu().numpy().tobytes() + rest.cpu().numpy().tobytes()).hexdigest()
