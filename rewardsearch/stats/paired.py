"""Paired tests of two arms on the same questions, and corrections for the number of tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from rewardsearch.records import Outcome, Record
from rewardsearch.stats.metrics import Arm, correct_by_id, right_table

EXACT_UP_TO = 25
"""Discordant pairs up to which McNemar's exact test is reported; the chi-square approximation holds beyond."""


class McNemar(Record):
    """The paired table of two arms a and b, and both forms of the test that they are right equally often.

    p_exact: the exact binomial test. p_chi2: chi-square with continuity correction (Edwards 1948). Both are
    two-sided, and 1 where there is no discordant pair.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    p_exact: float
    p_chi2: float

    @property
    def p(self) -> float:
        """The exact p-value for up to EXACT_UP_TO discordant pairs, the chi-square one beyond."""
        return self.p_exact if self.only_a + self.only_b <= EXACT_UP_TO else self.p_chi2


def mcnemar(a: Iterable[Outcome], b: Iterable[Outcome]) -> McNemar:
    """McNemar's test of two arms on the questions that both answered, matched by id."""
    right_a, right_b = correct_by_id(a), correct_by_id(b)
    pairs = Counter((right, right_b[id]) for id, right in right_a.items() if id in right_b)
    return _test(pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])


def pairwise(arms: Mapping[Arm, Sequence[Outcome]]) -> dict[tuple[Arm, Arm], McNemar]:
    """McNemar's tests of all pairs of arms, each pair once, as (earlier, later) in the order of `arms`.

    Raises ValueError when there is no question, a question comes twice, or the arms answered different questions.
    """
    ids, right = right_table(arms)
    # Exact in float32 below 2**24 questions, and so independent of the number of threads.
    both = (right.T @ right).astype(int)
    total = both.diagonal()
    return {
        (a, b): _test(
            *map(
                int,
                (both[i, j], total[i] - both[i, j], total[j] - both[i, j], len(ids) - total[i] - total[j] + both[i, j]),
            )
        )
        for (i, a), (j, b) in combinations(enumerate(arms), 2)
    }


def _test(both: int, only_a: int, only_b: int, neither: int) -> McNemar:
    # 1,225 pairs take 0.1 s; importing statsmodels takes longer, and only commands that compare pairs need it.
    from statsmodels.stats.contingency_tables import mcnemar as test

    table, p_exact, p_chi2 = [[both, only_a], [only_b, neither]], 1.0, 1.0
    if only_a + only_b:
        p_exact = float(test(table, exact=True).pvalue)
        p_chi2 = float(test(table, exact=False, correction=True).pvalue)
    return McNemar(both=both, only_a=only_a, only_b=only_b, neither=neither, p_exact=p_exact, p_chi2=p_chi2)


def adjust(ps: Sequence[float], method: Literal["holm", "bonferroni"]) -> list[float]:
    """The p-values of a family of tests corrected for their number, in the same order, at most 1.

    holm: step-down (Holm 1979): the k-th smallest of m times m - k + 1, and no less than those before it. bonferroni: each
    times m. Raises ValueError for a value outside [0, 1], such as NaN: a test that was not made is not part of the family.
    """
    # `status` and `leaderboard` correct p-values too. Importing statsmodels there takes longer than all the rest.
    p = np.asarray(ps, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p-values lie between 0 and 1; got {[value for value in ps if not 0 <= value <= 1]}")
    adjusted = p * p.size
    if method == "holm":
        order = np.argsort(p, kind="stable")
        adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1)]
