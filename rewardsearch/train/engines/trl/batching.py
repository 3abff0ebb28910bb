"""Work in batches of texts of similar length, which are halved where memory runs out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from rewardsearch.config import TrainConfig
from rewardsearch.train.engine import OnDone
from rewardsearch.train.engines.trl.memory import OutOfMemory, enough_memory

_log = logging.getLogger(__name__)
Found = TypeVar("Found")


def batched(
    lengths: Sequence[int],
    config: TrainConfig,
    run: Callable[[Sequence[int]], Sequence[Found]],
    doing: str,
    remedy: str,
    on_done: OnDone = lambda done: None,
    spread: float = math.inf,
) -> list[Found]:
    """What `run` gives for the number of each text, in the order of the texts. lengths: of each in tokens, all that it will have.

    Batches hold texts of similar length, as many as `train.eval_batch_size` and `train.eval_batch_tokens` allow. A batch that
    does not fit into memory is tried again as batches of half its size, and no later one is larger. Raises UserError with what
    was done and `remedy` where one text does not fit. on_done: called after each batch with the number of texts that are done.
    spread: the longest text of a batch is at most so many times as long as its shortest.
    """
    pending = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    found: dict[int, Found] = {}
    limit = config.eval_batch_size
    while pending:
        chosen = pending[: _batch_size([lengths[i] for i in pending[:limit]], config, spread)]
        try:
            with enough_memory(f"{doing} ({len(chosen)} at once)", remedy):
                made = run(chosen)
        except OutOfMemory:
            if len(chosen) == 1:
                raise
            limit = len(chosen) // 2
            _log.warning("out of memory: %d texts at once did not fit, going on with %d", len(chosen), limit)
            continue
        found.update(zip(chosen, made, strict=True))
        del pending[: len(chosen)]
        on_done(len(found))
    return [found[i] for i in range(len(lengths))]


def _batch_size(lengths: Sequence[int], config: TrainConfig, spread: float) -> int:
    """How many of the next texts a batch holds, at least one. lengths: in rising order."""
    most, longest = config.eval_batch_tokens or math.inf, spread * lengths[0]
    return max(1, sum((n + 1) * length <= most and length <= longest for n, length in enumerate(lengths)))
