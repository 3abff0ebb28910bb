"""What a vLLM server is asked for: the parameters of a request, and its seed.

Every parameter is given, since a server takes those that are left out from the model's generation config.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rewardsearch.config import TrainConfig
from rewardsearch.errors import UserError
from rewardsearch.train.engines.trl.fields import sampling

_PROMPTS_AT_ONCE = 32
"""Prompts of a greedy request."""
_NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""The values with which a parameter changes nothing."""


def seed_of(seed: int, step: int, prompt: Sequence[int], sample: int) -> int:
    """The seed of a completion: that of the job, its step, the prompt, and the how manieth of this prompt in the step it is."""
    text = repr((seed, step, tuple(prompt), sample))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def sampled_requests(
    prompts: Sequence[Sequence[int]], model: str, ends: set[int], config: TrainConfig, seed: int, step: int
) -> list[dict[str, Any]]:
    """A request for each completion, drawn as GRPO draws it, with a seed of its own."""
    drawn = drawn_as(config)
    seen: Counter[tuple[int, ...]] = Counter()
    requests = []
    for prompt in prompts:
        sample = seen[tuple(prompt)]
        seen[tuple(prompt)] += 1
        requests.append(_request([prompt], model, ends, config) | drawn | {"seed": seed_of(seed, step, prompt, sample)})
    return requests


def drawn_as(config: TrainConfig) -> dict[str, Any]:
    """How training draws the next token, in vLLM's terms. Raises UserError where `train.trl` asks for what vLLM does not have."""
    drawn = {name: value for name, value in sampling(config).items() if value is not None and name != "do_sample"}
    if unknown := sorted(drawn.keys() - _NEUTRAL.keys()):
        raise UserError(
            f"train.trl.generation_kwargs: got {', '.join(unknown)}, which the engine vllm does not have; leave it out, or set "
            "train.engine to trl"
        )
    return drawn | {"top_k": drawn.get("top_k") or _NEUTRAL["top_k"]}


def greedy_requests(
    prompts: Sequence[Sequence[int]], model: str, ends: set[int], config: TrainConfig
) -> list[dict[str, Any]]:
    """Requests for the most likely completion of each prompt, in the order of `prompts`."""
    return [
        _request(prompts[start : start + _PROMPTS_AT_ONCE], model, ends, config) | {"temperature": 0.0}
        for start in range(0, len(prompts), _PROMPTS_AT_ONCE)
    ]


def _request(prompts: Sequence[Sequence[int]], model: str, ends: set[int], config: TrainConfig) -> dict[str, Any]:
    return {
        "model": model,
        "prompt": [list(prompt) for prompt in prompts],
        "max_tokens": config.max_completion_tokens,
        "n": 1,
        **_NEUTRAL,
        "stop_token_ids": sorted(ends),
    }
