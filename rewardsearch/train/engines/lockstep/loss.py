"""The GRPO loss of TRL, for completions that the policy itself has just sampled.

The ratio of new to old probability is then 1, so that clipping has no effect, and the gradient of a token's loss is minus its
advantage times the gradient of its log-probability. What is left of TRL's formulas is how rewards become advantages, and how
tokens are weighted.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from trl.trainer.utils import nanstd

_EPSILON = 1e-4
LossType = Literal["grpo", "bnpo", "dr_grpo", "dapo"]


def advantages(rewards: Tensor, weights: Tensor, group: int, scale: str, aggregation: str) -> Tensor:
    """The advantage of each completion, as GRPOTrainer computes it.

    rewards: (completions, rewards), the completions of a group after one another; weights: one a reward; scale, aggregation:
    `scale_rewards` and `multi_objective_aggregation` of TRL.
    """
    if aggregation == "normalize_then_sum":
        grouped = rewards.view(-1, group, rewards.shape[1])
        each = (grouped - grouped.nanmean(dim=1, keepdim=True)) / (nanstd(grouped, dim=1, keepdim=True) + _EPSILON)
        total = (each.view_as(rewards) * weights).nansum(dim=1)
        found = (total - total.nanmean()) / (nanstd(total) + _EPSILON)
    else:
        total = (rewards * weights).nansum(dim=1)
        groups = total.view(-1, group)
        found = total - groups.nanmean(dim=1).repeat_interleave(group)
        if scale == "group":
            found = found / (nanstd(groups, dim=1).repeat_interleave(group) + _EPSILON)
        elif scale == "batch":
            found = found / (nanstd(total) + _EPSILON)
    return torch.nan_to_num(found, nan=0.0)


def token_weights(lengths: Tensor, loss_type: LossType, max_tokens: int, micro_batch: int) -> Tensor:
    """The weight of each completion's tokens in the loss of a step. bnpo takes the mean of every `micro_batch` completions."""
    sizes = lengths.to(torch.float32)
    if loss_type == "grpo":
        return 1 / (sizes * len(sizes))
    if loss_type == "dr_grpo":
        return torch.full_like(sizes, 1 / (len(sizes) * max_tokens))
    if loss_type == "dapo":
        return torch.ones_like(sizes) / sizes.sum()
    parts = torch.split(sizes, micro_batch)
    return torch.cat([torch.ones_like(part) / (part.sum() * len(parts)) for part in parts])


def loss_of(logps: Tensor, real: Tensor, advantage: Tensor, weight: Tensor, kl: Tensor | None, beta: float) -> Tensor:
    """The share of a micro-batch in the loss of its step.

    logps, real, kl: (completions, tokens); real: where there is a token. advantage, weight: one a completion.
    """
    ratio = torch.exp(logps - logps.detach())
    tokens = -ratio * advantage[:, None]
    if kl is not None:
        # The ratio is 1, but its gradient makes that of the sum the gradient of the divergence (TRL's use_bias_correction_kl).
        tokens = tokens + beta * ratio * kl
    return (tokens * real * weight[:, None]).sum()


def divergence(logps: Tensor, reference: Tensor) -> Tensor:
    """An estimate of the KL divergence from the reference, token by token: Schulman's k3, which is never negative."""
    gap = reference - logps
    return torch.exp(gap) - gap - 1
