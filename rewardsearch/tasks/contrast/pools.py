"""The fixed pool of texts that the query of an evaluation ranks."""

from __future__ import annotations

import random
from collections.abc import Iterable

from rewardsearch.records import Row
from rewardsearch.tasks.contrast.pairing import Pairing

POOL = 50
"""The number of texts in a pool, where the split has as many."""


def pool_of(question: str, pairing: Pairing, split: Iterable[Pairing], seed: int, size: int = POOL) -> tuple[Row, ...]:
    """The texts that the query of the row `question` ranks, each once: its positive first, its hard negatives, then positives of
    the `split`, which `question` and `seed` draw. Its query and the other texts of its group are in no pool of it."""
    pool = {each.id: each for each in (pairing.positive, *pairing.negatives)}
    others: dict[str, Row] = {}
    barred = {pairing.query.id}
    for other in split:
        if other.group is not None and other.group == pairing.group:
            barred |= {other.query.id, other.positive.id}
        else:
            others[other.positive.id] = other.positive
    free = [id for id in others if id not in barred and id not in pool]
    drawn = random.Random(f"{seed} {question}").sample(free, min(len(free), max(size - len(pool), 0)))
    pool |= {id: others[id] for id in drawn}
    return tuple(pool.values())[:size]
