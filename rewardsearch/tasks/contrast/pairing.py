"""Which texts belong to a row: its query, its positive, and its hard negatives."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsearch.records import Row


@dataclass(frozen=True)
class Pairing:
    """The texts of one row of the task.

    query, positive, negatives: each as a row whose prompt the policy writes a rationale for. A text has one id (`text_id`)
    wherever it stands, so what is read of it once holds for all. group: texts of pairings of one group are never each other's
    negatives; None: the texts of no other row belong to this one.
    """

    query: Row
    positive: Row
    negatives: tuple[Row, ...]
    group: str | None
