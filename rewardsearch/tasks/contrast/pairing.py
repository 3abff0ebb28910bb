"""Which texts belong together: a query and its positive, and texts that look like them and do not."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsearch.records import Row


@dataclass(frozen=True)
class TextPair:
    """Two texts that belong together, and hard negatives. key: digest of the pair.

    group: texts of pairs of one group are never each other's negatives; None: those of no other pair belong to this one.
    rationale: a good one about the positive; empty where there is none. vague: one that says little; may be empty.
    """

    key: str
    query: str
    positive: str
    negatives: tuple[str, ...]
    group: str | None
    rationale: str = ""
    vague: str = ""


@dataclass(frozen=True)
class Pairing:
    """The texts of one row of the task.

    query, positive, negatives: each as a row whose prompt the policy writes a rationale for. A text has one id wherever it
    stands, so what is read of it once holds for all. group: as of a TextPair.
    """

    query: Row
    positive: Row
    negatives: tuple[Row, ...]
    group: str | None
