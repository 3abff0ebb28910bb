"""The keys and values of a batch that is being decoded, in buffers that are made once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """Room for `room` more tokens after those that are given, of shape (rows, heads, tokens, size)."""

    is_sliding = False

    def __init__(self, keys: Tensor, values: Tensor, room: int) -> None:
        super().__init__()
        self.filled = keys.shape[2]
        self.keys, self.values = self._roomy(keys, room), self._roomy(values, room)
        self.is_initialized = True

    @staticmethod
    def _roomy(given: Tensor, room: int) -> Tensor:
        rows, heads, tokens, size = given.shape
        buffer = given.new_empty((rows, heads, tokens + room, size))
        buffer[:, :, :tokens] = given
        return buffer

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        end = self.filled + key_states.shape[2]
        self.keys[:, :, self.filled : end] = key_states
        self.values[:, :, self.filled : end] = value_states
        self.filled = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def move(self, from_rows: Tensor, to_rows: Tensor, rows: int) -> None:
        for buffer in (self.keys, self.values):
            seen = buffer[:, :, : self.filled]
            seen.index_copy_(0, to_rows, seen.index_select(0, from_rows))
        self.keys, self.values = self.keys[:rows], self.values[:rows]

    def get_seq_length(self) -> int:
        return self.filled

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.filled + query_length, 0

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """The buffers are there from the start."""


class DecodeCache(Cache):  # type: ignore[misc]
    """The cache of prompts, each repeated `copies` times, with room for the tokens of completions."""

    def __init__(self, prompts: Cache, copies: int, room: int) -> None:
        super().__init__(
            layers=[
                _Layer(layer.keys.repeat_interleave(copies, 0), layer.values.repeat_interleave(copies, 0), room)
                for layer in prompts.layers
            ]
        )

    def drop(self, ended: Tensor) -> Tensor:
        """Removes the rows where `ended`. The last rows take their places; gives the old index of every row that is left."""
        left = int((~ended).sum())
        holes = ended[:left].nonzero()[:, 0]
        movers = (~ended[left:]).nonzero()[:, 0] + left
        order = torch.arange(left, device=ended.device)
        order[holes] = movers
        for layer in self.layers:
            layer.move(movers, holes, left)
        return order
