"""Every pair of the final arms tested by the answers of their trained policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewardsearch.records import FinalPair, Outcome
from rewardsearch.stats import adjust, pairwise


def all_pairs(outcomes: Mapping[str, Sequence[Outcome]]) -> tuple[FinalPair, ...]:
    """McNemar's tests of all pairs of arms in their order, given one policy's outcomes of each."""
    tests = pairwise(outcomes)
    ps = [test.p for test in tests.values()]
    holm, bonferroni = adjust(ps, "holm"), adjust(ps, "bonferroni")
    return tuple(
        FinalPair(
            a=a,
            b=b,
            **test.model_dump(include={"both", "only_a", "only_b", "neither"}),
            p=test.p,
            p_holm=by_holm,
            p_bonferroni=by_bonferroni,
        )
        for ((a, b), test), by_holm, by_bonferroni in zip(tests.items(), holm, bonferroni, strict=True)
    )
