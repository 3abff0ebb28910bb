"""What the engine `lockstep` cannot do as TRL does it, and therefore refuses."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.train.engines.trl.policy import Policy

_INSTEAD = "or set train.engine: trl"


def check_settings(config: Config) -> None:
    """Raises UserError, a line for each setting that this engine has no way to follow."""
    mistakes = []
    if config.policy.lora.dropout:
        mistakes.append(
            f"policy.lora.dropout: got {config.policy.lora.dropout:g}, and the engine `lockstep` trains without dropout; "
            f"set 0, {_INSTEAD}"
        )
    if config.policy.gradient_checkpointing is True:
        mistakes.append(
            "policy.gradient_checkpointing: the engine `lockstep` keeps all activations; set auto and lower "
            f"train.micro_batch, {_INSTEAD}"
        )
    if mistakes:
        raise UserError(*mistakes)


def check_policy(policy: Policy) -> None:
    """Raises UserError where the model is not one that this engine can run."""
    if (why := _unfit(policy.base)) is not None:
        raise UserError(f"policy.model: {policy.config.model} {why}; take another model, {_INSTEAD}")


def _unfit(model: Any) -> str | None:
    if any(type(layer) is not DynamicLayer for layer in DynamicCache(config=model.config).layers):
        return "does not attend to all tokens in every layer, which the engine `lockstep` counts on"
    if "position_ids" not in inspect.signature(type(model).forward).parameters:
        return "is not given the positions of tokens, which the engine `lockstep` sets"
    dropout = any(isinstance(each, nn.Dropout) and each.p for each in model.modules())
    if dropout or getattr(model.config, "attention_dropout", None):
        return "drops activations in training, which the engine `lockstep` does not"
    return None
