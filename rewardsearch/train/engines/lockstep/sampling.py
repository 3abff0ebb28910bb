"""How the next token is chosen. The random numbers of a completion follow from seed, step, row and sample alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from rewardsearch.train.engines.lockstep.decode import Choose


def uniforms(seed: int, step: int, rows: Sequence[int], copies: int, tokens: int) -> np.ndarray:
    """Numbers in [0, 1) for `copies` completions of each of `rows`, (completions, tokens).

    Philox counts; its key is seed and step, and a completion's counter begins at its row and sample.
    """
    return np.stack(
        [
            np.random.Generator(np.random.Philox(key=[seed, step], counter=[0, 0, row, copy])).random(tokens)
            for row in rows
            for copy in range(copies)
        ]
    )


def greedy(logits: Tensor, rows: Tensor, place: int) -> Tensor:
    return logits.argmax(-1)


def sampler(numbers: np.ndarray, drawing: dict[str, Any], device: Any) -> Choose:
    """Draws the tokens of completions by `numbers`, (completions, tokens).

    drawing: temperature, top_k, top_p and min_p, as transformers' `generate` reads them.
    """
    drawn = torch.from_numpy(numbers).to(device)
    warpers = _warpers(drawing)

    def choose(logits: Tensor, rows: Tensor, place: int) -> Tensor:
        scores = logits.float()
        for warper in warpers:
            scores = warper(None, scores)
        below = scores.softmax(-1).cumsum(-1, dtype=torch.float64)
        target = drawn[rows, place, None] * below[:, -1:]
        return torch.searchsorted(below, target, right=True)[:, 0].clamp(max=below.shape[-1] - 1)

    return choose


def _warpers(drawing: dict[str, Any]) -> list[Any]:
    """In the order of transformers' `generate`."""
    temperature, top_k = drawing.get("temperature", 1.0), drawing.get("top_k") or 0
    top_p, min_p = drawing.get("top_p", 1.0), drawing.get("min_p")
    return [
        *([TemperatureLogitsWarper(temperature)] if temperature != 1.0 else []),
        *([TopKLogitsWarper(top_k=top_k)] if top_k else []),
        *([TopPLogitsWarper(top_p=top_p)] if top_p < 1.0 else []),
        *([MinPLogitsWarper(min_p=min_p)] if min_p is not None else []),
    ]
