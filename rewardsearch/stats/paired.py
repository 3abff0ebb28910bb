"""Paired tests of two arms on the same questions, and corrections for the number of tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, chdtrc

from rewardsearch.records import Outcome, Record
from rewardsearch.stats.metrics import Arm, correct_by_id, right_table

Numbers = npt.NDArray[Any]

EXACT_UP_TO = 25
"""Discordant pairs up to which McNemar's exact test is reported; the chi-square approximation holds beyond."""


class McNemar(Record):
    """The paired table of two arms a and b, and both forms of the test that they are right equally often.

    p_exact: the exact binomial test. p_chi2: chi-square with continuity correction (Edwards 1948). Both are
    two-sided, and 1 where no question tells the arms apart.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    p_exact: float
    p_chi2: float

    @property
    def p(self) -> float:
        """The exact p-value while discordant pairs are few (EXACT_UP_TO), the chi-square one beyond."""
        return self.p_exact if self.only_a + self.only_b <= EXACT_UP_TO else self.p_chi2


def mcnemar(a: Iterable[Outcome], b: Iterable[Outcome]) -> McNemar:
    """McNemar's test of two arms on the questions that both answered, matched by id."""
    right_a, right_b = correct_by_id(a), correct_by_id(b)
    pairs = [(right, right_b[id]) for id, right in right_a.items() if id in right_b]
    both, only_a, only_b = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True)))
    return _tests(np.array([both]), np.array([only_a]), np.array([only_b]), len(pairs))[0]


def pairwise(arms: Mapping[Arm, Sequence[Outcome]]) -> dict[tuple[Arm, Arm], McNemar]:
    """McNemar's tests of all pairs of arms, each pair once, as (earlier, later) in the order of `arms`.

    Raises ValueError when there is no question, a question comes twice, or the arms answered different questions.
    """
    ids, right = right_table(arms)
    # Exact in float32 below 2**24 questions, and so independent of the number of threads.
    together = (right.T @ right).astype(np.int64)
    a, b = np.triu_indices(len(arms), k=1)
    both, totals = together[a, b], np.diagonal(together)
    tests = _tests(both, totals[a] - both, totals[b] - both, len(ids))
    return dict(zip(combinations(arms, 2), tests, strict=True))


def adjust(ps: Sequence[float], method: Literal["holm", "bonferroni"]) -> list[float]:
    """The p-values of a family of tests corrected for their number, in the same order, at most 1.

    holm: step-down (Holm 1979): the k-th smallest of m times m - k + 1, and no less than those before it. bonferroni: each
    times m. Raises ValueError for what is no p-value, such as NaN: a test that was not made does not belong to the family.
    """
    p = np.asarray(ps, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"p-values lie between 0 and 1; got {[value for value in ps if not 0 <= value <= 1]}")
    adjusted = p * p.size
    if method == "holm":
        order = np.argsort(p, kind="stable")
        adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1)]


def _tests(both: Numbers, only_a: Numbers, only_b: Numbers, n: int) -> list[McNemar]:
    """The tests of tables whose counts are given as arrays, (tables,), on n questions each."""
    discordant = only_a + only_b
    told = discordant > 0
    of = np.maximum(discordant, 1)
    few = np.minimum(only_a, only_b)
    # The binomial's distribution function at one half, as an incomplete beta function; bdtr is less exact.
    p_exact = np.where(told, np.minimum(2 * betainc(of - few, few + 1, 0.5), 1), 1)
    p_chi2 = np.where(told, chdtrc(1, (abs(only_a - only_b) - 1) ** 2 / of), 1)
    columns = (both, only_a, only_b, n - both - discordant, p_exact, p_chi2)
    names = ("both", "only_a", "only_b", "neither", "p_exact", "p_chi2")
    return [McNemar(**dict(zip(names, row, strict=True))) for row in zip(*(c.tolist() for c in columns), strict=True)]
