"""A generator of reasoning-gym in the process that serves it: scores of its verifier. It imports nothing of this package."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

_MEMORY = 4 << 30
"""Bytes of address space: a few verifiers evaluate what the policy wrote."""
_dataset: Any = None


def start(settings: dict[str, Any]) -> None:
    """Makes the generator, as `reasoning_gym.create_dataset` takes its settings."""
    global _dataset
    import resource

    import reasoning_gym

    _dataset = reasoning_gym.create_dataset(**settings)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


@lru_cache(maxsize=4096)
def _item(place: int) -> Any:
    return _dataset[place]


def score(place: int, answer: str) -> float:
    """The verifier's score of an answer to the item at `place`; 0 for a text that it cannot read."""
    try:
        return float(_dataset.score_answer(answer, _item(place)))
    except Exception:  # The verifiers of 106 generators raise all kinds on odd texts.
        return 0.0
