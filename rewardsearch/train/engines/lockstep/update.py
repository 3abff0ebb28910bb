"""The gradient of a step: passes over the completions of an arm. Each prompt is read once, whatever the size of its group.

Completions of similar length share a pass, and logits are computed for them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache

from rewardsearch.train.engines.lockstep.batches import additive, causal, padded, prefill
from rewardsearch.train.engines.lockstep.lora import Lora, mixed
from rewardsearch.train.engines.lockstep.loss import LossType, divergence, loss_of, token_weights

_PASS = (64, 1024)
"""What a pass costs before its first token, in tokens: on a CPU, where it was measured, and on a GPU."""


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
    """Completions of a pass at most; it divides those of a step."""


class Update(NamedTuple):
    """The loss of a step, and the mean entropy of its choices in nats a token."""

    loss: float
    entropy: float


def differentiate(
    model: Any, lora: Lora, rollouts: Rollouts, advantages: Tensor, objective: Objective, pad: int
) -> Update:
    """Adds the gradient of the loss on `rollouts` to that of the adapter's weights. advantages: one a completion."""
    sizes = [len(each) for each in rollouts.completions]
    lengths = torch.tensor(sizes, device=model.device)
    weights = token_weights(lengths, objective.loss_type, objective.max_tokens, objective.micro_batch)
    reference = None
    if objective.beta:
        with torch.no_grad():
            reference = _Prompts(model, rollouts, pad)
    with mixed(model, [lora]):
        prompts = _Prompts(model, rollouts, pad)
    loss = entropy = torch.zeros((), device=model.device)
    for rows in passes(sizes, objective.micro_batch, _PASS[model.device.type != "cpu"]):
        kl = None
        if reference is not None:
            with torch.no_grad():
                known = reference.complete(rows, objective.temperature).logps
        with mixed(model, [lora]):
            found = prompts.complete(rows, objective.temperature)
            if reference is not None:
                kl = divergence(found.logps, known)
            share = loss_of(found.logps, found.real, advantages[rows], weights[rows], kl, objective.beta)
            share.backward()  # type: ignore[no-untyped-call]
        loss = loss + share.detach()
        entropy = entropy + (found.entropies * found.real).sum()
    prompts.backward()
    return Update(float(loss), float(entropy / lengths.sum()))


def passes(sizes: Sequence[int], most: int, cost: int) -> list[list[int]]:
    """Which completions share a pass, at most `most`: those of similar length, so that little is padded.

    sizes: the length of each. cost: of a pass, in tokens. The sum of all tokens, padding included, and of these costs is the
    least that there is.
    """
    order = sorted(range(len(sizes)), key=lambda row: (sizes[row], row))
    best = [(0, 0)]
    """Of the first n completions in `order`: the cost of their passes, and where the last of these begins."""
    for end in range(1, len(order) + 1):
        width = sizes[order[end - 1]]
        best.append(
            min((best[start][0] + (end - start) * width + cost, start) for start in range(max(0, end - most), end))
        )
    found, end = [], len(order)
    while end:
        start = best[end][1]
        found.append(order[start:end])
        end = start
    return found


class _Pass(NamedTuple):
    """Log-probabilities of the sampled tokens and entropies of the choices, (completions, tokens), in nats."""

    logps: Tensor
    entropies: Tensor
    real: Tensor
    """Where there is a token."""


class _Prompts:
    """The keys and values of prompts, which all their completions attend to.

    The last token of a prompt is not among them. It begins every completion, whose first token it predicts.
    """

    def __init__(self, model: Any, rollouts: Rollouts, pad: int) -> None:
        self._model, self._rollouts, self._pad = model, rollouts, pad
        self._prompts = padded([prompt[:-1] for prompt in rollouts.prompts], pad, "left", model.device)
        cache, _ = prefill(model, self._prompts)
        self._made = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        self._used = [tensor.detach().requires_grad_(torch.is_grad_enabled()) for tensor in self._made]

    def backward(self) -> None:
        """Passes on the gradient that the completions left."""
        torch.autograd.backward(self._made, [tensor.grad for tensor in self._used])

    def complete(self, rows: Sequence[int], temperature: float) -> _Pass:
        """A pass over the completions `rows`."""
        model, copies = self._model, self._rollouts.copies
        groups = torch.tensor([row // copies for row in rows], device=model.device)
        last = torch.tensor([[self._rollouts.prompts[row // copies][-1]] for row in rows], device=model.device)
        completions = padded([self._rollouts.completions[row] for row in rows], self._pad, "right", model.device)
        ids = torch.cat([last, completions.ids[:, :-1]], 1)
        seen = self._prompts.real[groups]
        used = [tensor.index_select(0, groups) for tensor in self._used]
        logits = model(
            input_ids=ids,
            attention_mask=_mask(seen, ids.shape[1], model.dtype),
            position_ids=seen.sum(1)[:, None] + torch.arange(ids.shape[1], device=model.device),
            past_key_values=DynamicCache(list(zip(used[::2], used[1::2], strict=True))),
            use_cache=True,
        ).logits
        logps = (logits.float() / temperature).log_softmax(-1)
        with torch.no_grad():
            entropies = torch.special.entr(logps.exp()).sum(-1)
        return _Pass(logps.gather(-1, completions.ids[:, :, None])[:, :, 0], entropies, completions.real)


def _mask(seen: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Completions see their prompt, and what comes before in themselves; what is padded behind them sees too much.

    seen: where the prompt of each completion has a token.
    """
    prompt = seen[:, None, None, :].expand(-1, 1, width, -1)
    own = causal(width, seen.device).expand(len(seen), 1, -1, -1)
    return additive(torch.cat([prompt, own], -1), dtype)
