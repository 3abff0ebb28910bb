"""A completion of the rollout bank."""

from __future__ import annotations

from rewardsearch.records.data import OutcomeKind, Record


class Rollout(Record):
    """One completion that the policy, before any GRPO, sampled for a training row, and what became of the question.

    Rollouts of the same row are a group, as in GRPO; they stand together. `length` is the completion's, in tokens.
    """

    row: str
    """The row's id."""
    completion: str
    kind: OutcomeKind
    prediction: str | None
    length: int
    measured: dict[str, float] = {}
    """What the policy measured of it; see `Row.measured`."""
