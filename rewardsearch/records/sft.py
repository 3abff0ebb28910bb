"""What supervised fine-tuning before the search gave."""

from __future__ import annotations

from rewardsearch.records.data import Outcome, Record


class SftPoint(Record):
    """One logged step: the mean cross-entropy of a target's token in nats, and the learning rate."""

    step: int
    loss: float
    learning_rate: float


class SftResult(Record):
    """Supervised fine-tuning of the policy: `rows` demonstrations, `steps` steps, greedy outcomes on `val` before and after."""

    fingerprint: str
    """SHA-256 of everything it depends on."""
    rows: int
    left_out: int = 0
    """Demonstrations that are longer than what is taught."""
    steps: int
    seconds: float
    curve: tuple[SftPoint, ...] = ()
    before: tuple[Outcome, ...] = ()
    after: tuple[Outcome, ...] = ()
