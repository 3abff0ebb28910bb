"""Divergence: a policy whose weights or logits are not finite numbers.

The weights and logits decide, not the loss or the gradient: a step whose gradient is not finite may leave the weights as they
were. Logits are checked before a token is chosen from them: on a GPU, sampling from others ends the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rewardsearch.train.engine import Diverged

_LARGEST = 1e30
"""Logits beyond it overflow when they are divided by a low temperature."""


LOGITS = "the policy's logits are not finite"


def check_weights(weights: Iterable[torch.Tensor]) -> None:
    """Raises Diverged where one of `weights` that is trained is not finite."""
    if not all(bool(torch.isfinite(weight).all()) for weight in weights if weight.requires_grad):
        raise Diverged("the policy's weights are not finite")


def finite_logits(logits: torch.Tensor) -> torch.Tensor:
    """Of each row of logits, whether a token can be chosen from it. Single tokens may be ruled out by -inf."""
    return logits.amax(dim=-1).float().abs() < _LARGEST


@contextmanager
def logits_checked(model: Any) -> Iterator[None]:
    """While it lasts, generation by `model` raises Diverged where the logits of the next token are not finite."""

    def check(module: Any, inputs: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            return
        if not bool(finite_logits(output.logits[:, -1]).all()):
            raise Diverged(LOGITS)

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()
