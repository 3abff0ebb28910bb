"""What a place in a ranking is worth: MRR and nDCG@10, with one relevant text a question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Outcome
from rewardsearch.stats.metrics import Arm

SCORES = ("mrr", "ndcg")
_CUT = 10
_EXACT = 2**30
"""Values are multiples of 1 / _EXACT, so that sums of them are exact in float64, in any order."""


def retrieval_table(arms: Mapping[Arm, Sequence[Outcome]], ids: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """What each arm earned at each question, (questions, arms x SCORES): the columns of an arm stand together. None where no
    outcome has a rank."""
    if all(outcome.rank is None for outcomes in arms.values() for outcome in outcomes):
        return None
    by_arm = ({outcome.id: outcome.rank for outcome in outcomes} for outcomes in arms.values())
    return np.hstack([np.asarray([_worth(ranks[id]) for id in ids]) for ranks in by_arm])


def _worth(rank: int | None) -> tuple[float, float]:
    if rank is None:
        return 0.0, 0.0
    gain = 1 / math.log2(1 + rank) if rank <= _CUT else 0.0
    return round(_EXACT / rank) / _EXACT, round(_EXACT * gain) / _EXACT
