"""Token ids of different lengths as one batch, and the attention masks and positions that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache


class Padded(NamedTuple):
    """Sequences in a batch, (rows, width) each."""

    ids: Tensor
    real: Tensor
    """Where there is a token, not padding."""


def padded(sequences: Sequence[Sequence[int]], pad: int, side: str, device: Any, width: int = 1) -> Padded:
    """side: "left" or "right", where the padding is. width: at least so many tokens."""
    width = max(width, *map(len, sequences))
    ids = torch.full((len(sequences), width), pad, dtype=torch.long)
    real = torch.zeros_like(ids, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        if sequence:
            where = slice(width - len(sequence), width) if side == "left" else slice(0, len(sequence))
            ids[row, where] = torch.tensor(sequence)
            real[row, where] = True
    return Padded(ids.to(device), real.to(device))


def causal(width: int, device: Any) -> Tensor:
    """Which of `width` tokens attends to which."""
    return torch.ones((width, width), dtype=torch.bool, device=device).tril()


def additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as what is added to attention scores. It is finite, so that padding, which sees nothing, gives numbers."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, torch.finfo(dtype).min)


def prefill(model: Any, prompts: Padded) -> tuple[Any, Tensor]:
    """The cache of keys and values of prompts that are padded on the left, and the logits of the token after each."""
    allowed = causal(prompts.ids.shape[1], prompts.ids.device) & prompts.real[:, None, None, :]
    cache = DynamicCache()
    out = model(
        input_ids=prompts.ids,
        attention_mask=additive(allowed, model.dtype),
        position_ids=(prompts.real.long().cumsum(1) - 1).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return cache, out.logits[:, -1]
