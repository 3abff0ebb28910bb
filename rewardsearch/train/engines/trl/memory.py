"""Memory that runs out, on a GPU or on the CPU: how it shows, and what a person can do about it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rewardsearch.config import TrainConfig
from rewardsearch.errors import UserError

_SIGNS = ("can't allocate memory", "cannot allocate memory", "out of memory", "cublas_status_alloc_failed")
"""In the messages of errors that have no type of their own."""


class OutOfMemory(UserError):
    """Memory ran out: what was being done, and what to do about it."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


@contextmanager
def enough_memory(doing: str, remedy: str) -> Iterator[None]:
    """While it lasts, memory that runs out becomes OutOfMemory."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    else:
        return
    # What the failed attempt left behind; within the `except` block its error would still hold the tensors.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise OutOfMemory(f"out of memory in {doing} ({first}); {remedy}")


def training_remedy(config: TrainConfig) -> str:
    """What to do where a step of training does not fit into memory."""
    arms = f", train.arms (got {config.arms})" if config.arms > 1 else ""
    # `lockstep` keeps all activations.
    checkpointing = "" if config.engine == "lockstep" else ", or set policy.gradient_checkpointing: true"
    return (
        f"lower train.micro_batch (got {config.completions_at_once} of {config.completions_per_step} completions at once), "
        f"train.prompts_per_step (got {config.prompts_per_step}), train.max_completion_tokens (got "
        f"{config.max_completion_tokens}){arms} or train.slots{checkpointing}"
    )
