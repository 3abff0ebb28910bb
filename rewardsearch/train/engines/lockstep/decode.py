"""Completions of prompts: one pass over the prompts, then one over the batch of completions for each token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from rewardsearch.train.engines.lockstep.batches import Padded, additive, padded, prefill
from rewardsearch.train.engines.lockstep.cache import DecodeCache
from rewardsearch.train.engines.trl.divergence import finite_logits

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""Takes logits (rows, vocabulary), the rows' numbers and the place of the token in the completion; gives a token each."""


class Batch(Protocol):
    """The completions that are being decoded."""

    @property
    def rows(self) -> Tensor:
        """Their numbers."""
        ...

    def next_logits(self, tokens: Tensor, ended: Tensor) -> Tensor:
        """Appends a token to every row, or leaves out those where it has `ended`; gives the logits of the next."""
        ...


class Begin(Protocol):
    """Makes batches: `Narrowing`, or `FixedShape.under`."""

    def width(self, longest: int) -> int:
        """The width to pad prompts to, the longest of which has `longest` tokens."""
        ...

    def __call__(self, model: Any, prompts: Padded, cache: Any, copies: int, room: int) -> Batch:
        """The batch of `copies` completions of each prompt, with room for `room` tokens. cache: that of the prompts."""
        ...


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
    model: Any, prompts: Sequence[Sequence[int]], copies: int, choose: Choose, limits: Limits, begin: Begin
) -> Decoded:
    """`copies` completions of each of `prompts`, one prompt's after another's."""
    given = padded(prompts, limits.pad, "left", model.device, begin.width(max(map(len, prompts))))
    cache, logits = prefill(model, given)
    batch = begin(model, given, cache, copies, limits.tokens)
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
        known = lengths[batch.rows]
        lengths[batch.rows] = torch.where(ended, known.clamp(max=place + 1), known)
        if bool((lengths <= place + 1).all()):
            break
        logits = batch.next_logits(tokens, ended)
    ids = [line[:length] for line, length in zip(out.tolist(), lengths.tolist(), strict=True)]
    return Decoded(ids, finite.tolist())


class Narrowing:
    """A batch that rows leave when they have ended."""

    @staticmethod
    def width(longest: int) -> int:
        return longest

    def __init__(self, model: Any, prompts: Padded, cache: Any, copies: int, room: int) -> None:
        self._model, self._cache = model, DecodeCache(cache, copies, room)
        self._mask = additive(visible(prompts, copies, room), model.dtype)
        self._positions = prompts.real.sum(1).repeat_interleave(copies, 0)
        self.rows = torch.arange(len(self._mask), device=self._mask.device)

    def next_logits(self, tokens: Tensor, ended: Tensor) -> Tensor:
        if bool(ended.any()):
            order = self._cache.drop(ended)
            self.rows, self._mask, self._positions = self.rows[order], self._mask[order], self._positions[order]
            tokens = tokens[order]
        out = self._model(
            input_ids=tokens[:, None],
            attention_mask=self._mask[..., : self._cache.get_seq_length() + 1],
            position_ids=self._positions[:, None],
            past_key_values=self._cache,
            use_cache=True,
        )
        self._positions = self._positions + 1
        return out.logits[:, -1]  # type: ignore[no-any-return]


def visible(prompts: Padded, copies: int, room: int) -> Tensor:
    """Which tokens of its prompt, and of the room behind it, a completion sees: (completions, 1, 1, tokens)."""
    seen = torch.nn.functional.pad(prompts.real, (0, room), value=True)
    return seen.repeat_interleave(copies, 0)[:, None, None, :]
