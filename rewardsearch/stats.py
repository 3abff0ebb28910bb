"""Metrics, bootstrap intervals and paired tests over questions: thin over numpy, scipy and statsmodels.

Outcomes are matched by question id, never by position. Every arm of one call sees the same resampled questions, so that
differences between arms are paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Interval, Outcome, Record

Floats = npt.NDArray[np.float64]
Correct = Mapping[str, bool]
"""Whether each question was answered correctly, by question id."""

EXACT_UP_TO = 25
"""Discordant pairs up to which McNemar's exact test is reported; the chi-square approximation holds beyond."""
_CHUNK = 1_000_000


class Metrics(Record):
    """Counts and scores of one arm on `n` questions. `parse_rate` is the share of questions with an answer."""

    n: int
    correct: int
    wrong: int
    unparsed: int
    f1: float
    accuracy: float
    parse_rate: float


class Estimate(Record):
    """A score and its accuracy with their bootstrap intervals."""

    f1: float
    f1_ci: Interval
    accuracy: float
    accuracy_ci: Interval


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


def f1_accuracy(outcomes: Iterable[Outcome]) -> Metrics:
    """F1 and accuracy of numeric answers: TP = correct, FP = wrong, FN = unparsed; F1 = 2TP / (2TP + FP + FN).

    Every question is exactly one of the three, so F1 = 2a / (1 + a) with a the accuracy.
    Raises ValueError without outcomes.
    """
    kinds = [outcome.kind for outcome in outcomes]
    if not kinds:
        raise ValueError("no outcomes to score")
    tp, fp, fn = (kinds.count(kind) for kind in ("correct", "wrong", "unparsed"))
    return Metrics(
        n=len(kinds),
        correct=tp,
        wrong=fp,
        unparsed=fn,
        f1=2 * tp / (2 * tp + fp + fn),
        accuracy=tp / len(kinds),
        parse_rate=(tp + fp) / len(kinds),
    )


def correct_by_id(outcomes: Iterable[Outcome]) -> dict[str, bool]:
    """Whether each question was answered correctly, by id. Raises ValueError when an id comes twice."""
    found: dict[str, bool] = {}
    for outcome in outcomes:
        if outcome.id in found:
            raise ValueError(f"question {outcome.id} has two outcomes")
        found[outcome.id] = outcome.kind == "correct"
    return found


class Bootstrap:
    """Percentile bootstrap over questions of arms that answered the same questions (Efron and Tibshirani 1993, ch. 13).

    arms: outcomes by arm. resamples: how often all n questions are drawn anew with replacement. seed: fixes the draws,
    which are the same for every arm, any set of arms and any order of the outcomes. confidence: of the intervals.

    An arm that is right everywhere, or nowhere, has an interval without width.
    Raises ValueError when there is no arm, no question, or the arms answered different questions.
    """

    def __init__(
        self, arms: Mapping[str, Sequence[Outcome]], *, resamples: int, seed: int, confidence: float = 0.95
    ) -> None:
        tables = {arm: correct_by_id(outcomes) for arm, outcomes in arms.items()}
        ids = sorted({id for table in tables.values() for id in table})
        for arm, table in tables.items():
            if len(table) != len(ids):
                raise ValueError(
                    f"arm {arm} answered {len(table)} of {len(ids)} questions; arms must answer the same ones"
                )
        if not ids:
            raise ValueError("no outcomes to resample")
        self._n = len(ids)
        self._tail = (1 - confidence) / 2
        matrix = np.array([[table[id] for id in ids] for table in tables.values()], dtype=np.float32).T
        drawn = resampled_totals(matrix, resamples, seed)
        self._drawn: dict[str, Floats] = {arm: drawn[:, column] for column, arm in enumerate(tables)}
        self._correct = {arm: np.float64(sum(table.values())) for arm, table in tables.items()}

    def estimate(self, arm: str) -> Estimate:
        """F1 and accuracy of an arm with their intervals."""
        correct, drawn = self._correct[arm], self._drawn[arm]
        return Estimate(
            f1=float(self._f1(correct)),
            f1_ci=self._interval(self._f1(drawn)),
            accuracy=float(correct / self._n),
            accuracy_ci=self._interval(drawn / self._n),
        )

    def difference(self, a: str, b: str) -> Estimate:
        """F1 and accuracy of arm `a` less those of arm `b`, with paired intervals."""
        return Estimate(
            f1=float(self._f1(self._correct[a]) - self._f1(self._correct[b])),
            f1_ci=self._interval(self._f1(self._drawn[a]) - self._f1(self._drawn[b])),
            accuracy=float((self._correct[a] - self._correct[b]) / self._n),
            accuracy_ci=self._interval((self._drawn[a] - self._drawn[b]) / self._n),
        )

    @overload
    def _f1(self, correct: np.float64) -> np.float64: ...

    @overload
    def _f1(self, correct: Floats) -> Floats: ...

    def _f1(self, correct: np.float64 | Floats) -> np.float64 | Floats:
        # F1 = 2TP / (2TP + FP + FN), and FP + FN = n - TP.
        return 2 * correct / (self._n + correct)

    def _interval(self, drawn: Floats) -> Interval:
        low, high = np.quantile(drawn, [self._tail, 1 - self._tail])
        return float(low), float(high)


def resampled_totals(values: npt.NDArray[np.float32], resamples: int, seed: int) -> Floats:
    """Column sums of `values` (questions x arms) over resampled questions: (resamples x arms).

    Resamples are counts of how often each question was drawn, so that a sum is one matrix product. Exact for values 0
    and 1 and fewer than 2**24 questions, and so independent of the number of threads.
    """
    n = len(values)
    rng = np.random.default_rng(seed)
    parts: list[Floats] = []
    done = 0
    while done < resamples:
        rows = min(resamples - done, max(1, _CHUNK // n))
        drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        parts.append((counts.astype(np.float32) @ values).astype(np.float64))
        done += rows
    return np.concatenate(parts)


def mcnemar(a: Iterable[Outcome], b: Iterable[Outcome]) -> McNemar:
    """McNemar's test of two arms on the questions that both answered, matched by id."""
    # statsmodels takes over a second to import, which commands that only read a run need not wait for.
    from statsmodels.stats.contingency_tables import mcnemar as test

    right_a, right_b = correct_by_id(a), correct_by_id(b)
    pairs = [(right_a[id], right_b[id]) for id in right_a if id in right_b]
    both, only_a, only_b, neither = (
        pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))
    )
    table = [[both, only_a], [only_b, neither]]
    # Without discordant pairs the chi-square statistic is 0 / 0.
    p_exact, p_chi2 = 1.0, 1.0
    if only_a + only_b:
        p_exact = float(test(table, exact=True).pvalue)
        p_chi2 = float(test(table, exact=False, correction=True).pvalue)
    return McNemar(both=both, only_a=only_a, only_b=only_b, neither=neither, p_exact=p_exact, p_chi2=p_chi2)


def adjust(ps: Sequence[float], method: Literal["holm", "bonferroni"]) -> list[float]:
    """The p-values of a family of tests corrected for their number (Holm 1979, or Bonferroni), in the same order."""
    if not ps:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(ps, method=method)[1]]
