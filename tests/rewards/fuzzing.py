"""What the fuzz tests of the sandbox share."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import HealthCheck

from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardOutput

BOUND = 1000.0
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
HEAD = "def reward(prompts, completions, answer, **columns):\n"
PLAIN = HEAD + "    return [0.5] * len(completions)\n"


def batch(n: int) -> Batch:
    return Batch(prompts=("q",) * n, completions=("c",) * n, answer=("3",) * n)


def bits(values: Sequence[float]) -> bytes:
    return b"".join(struct.pack("<d", value) for value in values)


def same(a: RewardOutput, b: RewardOutput) -> bool:
    """Equal to the last bit, names as they were returned and their order included."""
    rows_a, rows_b = [bits(row) for row in a.components.values()], [bits(row) for row in b.components.values()]
    return bits(a.rewards) == bits(b.rewards) and (a.names, rows_a) == (b.names, rows_b)
