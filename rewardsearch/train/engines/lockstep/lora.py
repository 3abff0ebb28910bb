"""LoRA adapters as tensors, and two ways to run the frozen base under them.

`folded` adds an adapter's product to a copy of the weights, so that a pass costs what it costs without an adapter. It takes one
adapter at a time and full precision. `mixed` leaves the weights alone and takes a batch of several adapters, an equal share of
the rows each. A gradient is taken through `mixed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from torch.nn import functional

from rewardsearch.errors import UserError
from rewardsearch.train.engines.trl.policy import Policy

_NAME = "default"
"""PEFT's name of an adapter."""


@dataclass(frozen=True)
class Lora:
    """The adapter of an arm: the factors of each target, whose weight is then `weight + scale * up @ down`."""

    targets: tuple[str, ...]
    """Names of modules of the base."""
    down: tuple[Tensor, ...]
    """A, (rank, inputs)."""
    up: tuple[Tensor, ...]
    """B, (outputs, rank)."""
    scale: float

    @property
    def parameters(self) -> list[Tensor]:
        return [each for pair in zip(self.down, self.up, strict=True) for each in pair]


Under = Callable[[Any, Sequence[Lora]], AbstractContextManager[None]]
"""Runs a base model under adapters while the context lasts: `folded` or `mixed`."""


def fresh(policy: Policy, seed: int) -> Lora:
    """A new adapter whose weights follow from `seed`, to the bit those of the engine `trl`."""
    with policy.fresh_adapter(seed) as model:
        return _read(model)


def load(policy: Policy, folder: Path) -> Lora:
    """The adapter saved in `folder` in PEFT's format."""
    with policy.saved_adapter(folder) as model:
        return _read(model)


def save(policy: Policy, lora: Lora, folder: Path) -> None:
    """Saves the adapter in `folder` in PEFT's format."""
    with policy.fresh_adapter(0) as model, torch.no_grad():
        layers = dict(_layers(model))
        for name, down, up in zip(lora.targets, lora.down, lora.up, strict=True):
            layers[name].lora_A[_NAME].weight.copy_(down)
            layers[name].lora_B[_NAME].weight.copy_(up)
        model.save_pretrained(str(folder))


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    for name, module in model.get_base_model().named_modules():
        if isinstance(module, LoraLayer):
            if type(module.get_base_layer()) is not nn.Linear:
                raise UserError(
                    f"policy.lora.target_modules: {name} is no linear layer; the engine `lockstep` adapts nothing else; "
                    "name others, or set train.engine: trl"
                )
            yield name, module


def _read(model: Any) -> Lora:
    layers = list(_layers(model))
    return Lora(
        targets=tuple(name for name, _ in layers),
        down=tuple(layer.lora_A[_NAME].weight.detach().clone().requires_grad_() for _, layer in layers),
        up=tuple(layer.lora_B[_NAME].weight.detach().clone().requires_grad_() for _, layer in layers),
        scale=layers[0][1].scaling[_NAME],
    )


@contextmanager
def folded(base: Any, loras: Sequence[Lora]) -> Iterator[None]:
    """While it lasts, `base` runs under the one adapter of `loras`."""
    (lora,) = loras
    linears = [base.get_submodule(name) for name in lora.targets]
    weights = [
        torch.addmm(linear.weight, up, down, alpha=lora.scale)
        for linear, down, up in zip(linears, lora.down, lora.up, strict=True)
    ]
    forwards = [
        partial(functional.linear, weight=weight, bias=linear.bias)
        for linear, weight in zip(linears, weights, strict=True)
    ]
    with _forwards(linears, forwards):
        yield


@contextmanager
def mixed(base: Any, loras: Sequence[Lora]) -> Iterator[None]:
    """While it lasts, `base` runs the first rows of a batch under the first of `loras`, and so on, an equal number each."""
    with under_stacks(base, loras[0].targets, stacks(base, loras)):
        yield


Stack = tuple[Tensor, Tensor]
"""The factors of one target by all adapters: (adapters, inputs, rank), and (adapters, rank, outputs) with the scale in it."""


def stacks(base: Any, loras: Sequence[Lora]) -> list[Stack]:
    """The adapters together, in the dtype of the weights."""
    dtypes = [base.get_submodule(name).weight.dtype for name in loras[0].targets]
    return [
        (
            torch.stack([lora.down[i].to(dtype) for lora in loras]).transpose(1, 2),
            torch.stack([lora.up[i].to(dtype) * lora.scale for lora in loras]).transpose(1, 2),
        )
        for i, dtype in enumerate(dtypes)
    ]


@contextmanager
def under_stacks(base: Any, targets: Sequence[str], stacked: Sequence[Stack]) -> Iterator[None]:
    """`mixed`, with the adapters in given tensors."""
    linears = [base.get_submodule(name) for name in targets]
    forwards = [partial(_mixed_forward, linear, down, up) for linear, (down, up) in zip(linears, stacked, strict=True)]
    with _forwards(linears, forwards):
        yield


def _mixed_forward(linear: nn.Linear, down: Tensor, up: Tensor, inputs: Tensor) -> Tensor:
    out = functional.linear(inputs, linear.weight, linear.bias)
    low = torch.bmm(inputs.reshape(len(down), -1, inputs.shape[-1]), down)
    return torch.baddbmm(out.view(len(down), -1, out.shape[-1]), low, up).view_as(out)


@contextmanager
def _forwards(linears: Sequence[nn.Linear], forwards: Sequence[Callable[..., Tensor]]) -> Iterator[None]:
    before = [vars(linear).get("forward") for linear in linears]
    for linear, forward in zip(linears, forwards, strict=True):
        linear.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        for linear, earlier in zip(linears, before, strict=True):
            del linear.forward
            if earlier is not None:
                linear.forward = earlier  # type: ignore[method-assign]
