"""Whether a server serves the policy that is trained: both must give the same probabilities under the same adapter.

It finds another model or dtype at `train.vllm.url`, and adapters that a server reads otherwise or in part. It does not find what
differs only on other prompts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch

from rewardsearch.errors import UserError
from rewardsearch.train.engines.trl.policy import Policy
from rewardsearch.train.engines.vllm.adapters import Adapters
from rewardsearch.train.engines.vllm.client import Client, Completion

_PROMPT, _TOKENS = range(11, 19), 8
_LIMIT = {"float32": 0.01}
_LIMIT_16_BITS = 0.25
"""Nats by which the log-probabilities of the tokens may differ on average."""
_SPREAD = 0.02
"""The standard deviation of the adapter's B, whose product with A then changes most probabilities."""


def check_agreement(client: Client, policy: Policy, adapters: Adapters) -> str:
    """vLLM's version, once the server agrees with `policy` under a random adapter. Raises UserError where it does not.

    A policy whose logits are not finite agrees with every server: it is found where it is used.
    """
    vocabulary = policy.base.config.get_text_config().vocab_size
    prompt = [token % vocabulary for token in _PROMPT]
    with policy.fresh_adapter(0) as model:
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=_SPREAD)
        request = {
            "model": adapters.publish(client, model),
            "prompt": [prompt],
            "max_tokens": _TOKENS,
            "temperature": 0.0,
            "top_p": 1.0,
            "top_k": -1,
            "repetition_penalty": 1.0,
            "ignore_eos": True,
            "logprobs": 0,
        }
        [[found]] = client.complete([request])
        own = _log_probabilities(model, policy, prompt, found)
    if all(map(math.isfinite, own)):
        _compare(client, policy, found.logprobs, own)
    return client.version()


def _compare(client: Client, policy: Policy, given: Sequence[float | None], own: Sequence[float]) -> None:
    if len(given) != len(own):
        raise client.broken(f"it gave {len(given)} log-probabilities for {len(own)} tokens")
    differ = fmean(abs((math.nan if a is None else a) - b) for a, b in zip(given, own, strict=True))
    limit = _LIMIT.get(policy.config.dtype, _LIMIT_16_BITS)
    if not differ <= limit:
        raise UserError(
            f"train.engine: the vLLM server {client.name} does not give the probabilities of {policy.config.model} in "
            f"{policy.config.dtype} under a LoRA adapter: they differ by {differ:.3g} nats a token, allowed are {limit:g}; "
            "have it serve that model, set policy.lora.target_modules to layers that vLLM adapts, or take the engine trl"
        )


def _log_probabilities(model: Any, policy: Policy, prompt: list[int], found: Completion) -> list[float]:
    """The log-probability of each token of `found` under `model`."""
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + found.ids], device=policy.device)).logits[
            0, len(prompt) - 1 : -1
        ]
    every = logits.float().log_softmax(-1)
    chosen = torch.tensor(found.ids, device=every.device).unsqueeze(1)
    return [float(value) for value in every.gather(1, chosen).squeeze(1)]
