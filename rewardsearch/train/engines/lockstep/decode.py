"""Completions of prompts: one pass over the prompts, then one over the rows that have not ended per token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rewardsearch.train.engines.lockstep.batches import Padded, additive, padded, prefill
from rewardsearch.train.engines.lockstep.cache import DecodeCache
from rewardsearch.train.engines.trl.divergence import finite_logits

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""Takes logits (rows, vocabulary), the rows' numbers and the place of the token in the completion; gives a token each."""


class Decoded(NamedTuple):
    """A completion a row, and whether the logits that it was chosen from are finite numbers."""

    ids: list[list[int]]
    """Up to the end token, or the limit."""
    finite: list[bool]


class Limits(NamedTuple):
    """Where completions end."""

    tokens: int
    ends: Sequence[int]
    pad: int


@torch.inference_mode()
def decode(
    model: Any, prompts: Sequence[Sequence[int]], copies: int, choose: Choose, limits: Limits, narrow: bool
) -> Decoded:
    """`copies` completions of each of `prompts`, one prompt's after another's.

    narrow: rows that have ended leave the batch; otherwise its shape stays until all have.
    """
    given = padded(prompts, limits.pad, "left", model.device)
    cache, logits = prefill(model, given)
    batch = _Batch(model, given, DecodeCache(cache, copies, limits.tokens), copies)
    logits = logits.repeat_interleave(copies, 0)
    ends = torch.tensor(limits.ends, device=model.device)
    rows = len(prompts) * copies
    out = torch.full((rows, limits.tokens), limits.pad, dtype=torch.long, device=model.device)
    lengths = torch.full((rows,), limits.tokens, device=model.device)
    finite = torch.ones(rows, dtype=torch.bool, device=model.device)
    for place in range(limits.tokens):
        finite[batch.rows] &= finite_logits(logits)
        tokens = choose(logits, batch.rows, place)
        out[batch.rows, place] = tokens
        ended = torch.isin(tokens, ends)
        lengths[batch.rows[ended]] = lengths[batch.rows[ended]].clamp(max=place + 1)
        if bool((lengths <= place + 1).all()):
            break
        if narrow and bool(ended.any()):
            tokens = tokens[batch.drop(ended)]
        logits = batch.next_logits(tokens)
    ids = [line[:length] for line, length in zip(out.tolist(), lengths.tolist(), strict=True)]
    return Decoded(ids, finite.tolist())


class _Batch:
    """The rows that are being decoded."""

    def __init__(self, model: Any, prompts: Padded, cache: DecodeCache, copies: int) -> None:
        self._model, self._cache = model, cache
        room = cache.layers[0].get_max_length() - prompts.ids.shape[1]
        seen = torch.nn.functional.pad(prompts.real, (0, room), value=True).repeat_interleave(copies, 0)
        self._mask = additive(seen[:, None, None, :], model.dtype)
        self._positions = prompts.real.sum(1).repeat_interleave(copies, 0)
        self.rows = torch.arange(len(seen), device=seen.device)
        """Their numbers."""

    def drop(self, ended: Tensor) -> Tensor:
        """Leaves out the rows where `ended`; gives the old index of every row that is left."""
        order = self._cache.drop(ended)
        self.rows, self._mask, self._positions = self.rows[order], self._mask[order], self._positions[order]
        return order

    def next_logits(self, tokens: Tensor) -> Tensor:
        """Appends a token to every row; gives the logits of the next."""
        out = self._model(
            input_ids=tokens[:, None],
            attention_mask=self._mask[..., : self._cache.get_seq_length() + 1],
            position_ids=self._positions[:, None],
            past_key_values=self._cache,
            use_cache=True,
        )
        self._positions = self._positions + 1
        return out.logits[:, -1]  # type: ignore[no-any-return]
