"""The gradient of a step: one pass over the completions of an arm, whose prompts are read once a group.

The completions are padded to the longest among them only, and logits are computed for them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from rewardsearch.train.engines.lockstep.batches import Padded, additive, causal, padded, prefill
from rewardsearch.train.engines.lockstep.lora import Lora, mixed
from rewardsearch.train.engines.lockstep.loss import LossType, divergence, loss_of, token_weights


@dataclass(frozen=True)
class Rollouts:
    """What an arm sampled in a step."""

    prompts: Sequence[Sequence[int]]
    completions: Sequence[Sequence[int]]
    """Those of the first prompt come first, and so on, an equal number each."""

    @property
    def copies(self) -> int:
        return len(self.completions) // len(self.prompts)


@dataclass(frozen=True)
class Objective:
    """What the gradient of a step is taken of."""

    loss_type: LossType
    beta: float
    temperature: float
    max_tokens: int
    micro_batch: int
    """Completions of a pass; it divides those of a step."""


class Pass(NamedTuple):
    """Log-probabilities of the sampled tokens and entropies of the choices, (completions, tokens), in nats."""

    logps: Tensor
    entropies: Tensor
    real: Tensor
    """Where there is a token."""


class Update(NamedTuple):
    """The loss of a step, and the mean entropy of its choices in nats a token."""

    loss: float
    entropy: float


def differentiate(
    model: Any, lora: Lora, rollouts: Rollouts, advantages: Tensor, objective: Objective, pad: int
) -> Update:
    """Adds the gradient of the loss on `rollouts` to that of the adapter's weights. advantages: one a completion."""
    lengths = torch.tensor([len(each) for each in rollouts.completions], device=model.device)
    weights = token_weights(lengths, objective.loss_type, objective.max_tokens, objective.micro_batch)
    loss = entropy = torch.zeros((), device=model.device)
    for start in range(0, len(lengths), objective.micro_batch):
        rows = range(start, start + objective.micro_batch)
        reference = None
        if objective.beta:
            with torch.no_grad():
                reference = forward(model, rollouts, rows, objective.temperature, pad).logps
        with mixed(model, [lora]):
            found = forward(model, rollouts, rows, objective.temperature, pad)
            kl = None if reference is None else divergence(found.logps, reference)
            part = slice(rows.start, rows.stop)
            share = loss_of(found.logps, found.real, advantages[part], weights[part], kl, objective.beta)
            share.backward()  # type: ignore[no-untyped-call]
        loss = loss + share.detach()
        entropy = entropy + (found.entropies * found.real).sum()
    return Update(float(loss), float(entropy / lengths.sum()))


def forward(model: Any, rollouts: Rollouts, rows: Sequence[int], temperature: float, pad: int) -> Pass:
    """A pass over the completions `rows`, and over each of their prompts once."""
    groups = [row // rollouts.copies for row in rows]
    chosen = sorted(set(groups))
    # All but the last token of a prompt is read once; the last one begins every completion, whose first token it predicts.
    prompts = padded([rollouts.prompts[group][:-1] for group in chosen], pad, "left", model.device)
    last = torch.tensor([[rollouts.prompts[group][-1]] for group in groups], device=model.device)
    completions = padded([rollouts.completions[row] for row in rows], pad, "right", model.device)
    index = torch.tensor([chosen.index(group) for group in groups], device=model.device)
    cache, _ = prefill(model, prompts)
    cache = DynamicCache([(layer.keys[index], layer.values[index]) for layer in cache.layers])
    ids = torch.cat([last, completions.ids[:, :-1]], 1)
    logits = model(
        input_ids=ids,
        attention_mask=_mask(prompts, index, ids.shape[1], model.dtype),
        position_ids=prompts.real.sum(1)[index][:, None] + torch.arange(ids.shape[1], device=model.device),
        past_key_values=cache,
        use_cache=True,
    ).logits
    logps = (logits.float() / temperature).log_softmax(-1)
    with torch.no_grad():
        entropies = torch.special.entr(logps.exp()).sum(-1)
    return Pass(logps.gather(-1, completions.ids[:, :, None])[:, :, 0], entropies, completions.real)


def _mask(prompts: Padded, index: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Completions see their prompt, and what comes before in themselves; what is padded behind them sees too much."""
    seen = prompts.real[index][:, None, None, :].expand(-1, 1, width, -1)
    own = causal(width, index.device)[None, None].expand(len(index), 1, -1, -1)
    return additive(torch.cat([seen, own], -1), dtype)
