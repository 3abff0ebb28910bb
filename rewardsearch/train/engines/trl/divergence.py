"""Divergence: a policy whose weights or logits are not finite numbers.

The weights and logits decide, not the loss or the gradient: a step whose gradient is not finite may leave the weights as they
were. Logits are checked before a token is chosen from them: on a GPU, sampling from others ends the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rewardsearch.train.engine import Diverged

_LARGEST = 1e30
"""Logits beyond it overflow when they are divided by a low temperature."""


def check_weights(model: Any) -> None:
    """Raises Diverged where a trained weight of `model` is not finite."""
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters() if weight.requires_grad):
        raise Diverged("the policy's weights are not finite")


@contextmanager
def logits_checked(model: Any) -> Iterator[None]:
    """While it lasts, generation by `model` raises Diverged where the logits of the next token are not finite."""

    def check(module: Any, inputs: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            return
        # Single tokens may be ruled out by -inf.
        best = output.logits[:, -1].amax(dim=-1).float().abs()
        if not bool((best < _LARGEST).all()):
            raise Diverged("the policy's logits are not finite")

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()
