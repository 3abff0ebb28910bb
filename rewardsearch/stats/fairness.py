"""Fairness between groups of people: rates of the positive class by group, and a test of their gap.

It compares people of the same gold label, for the groups that the data name. It does not say why a gap is there, nor whether the
gold labels are fair.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rewardsearch.records import Fairness, GroupGap, GroupRate, Interval, Outcome
from rewardsearch.stats.paired import adjust

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MIN_PEOPLE = 10
"""People that a group needs to be part of the gap. Smaller groups are shown in the table only."""
ALPHA = 0.05
"""A gap is beyond chance when its corrected p-value is below this."""
MIN_RATIO = 0.8
"""Impact ratio of the four-fifths rule (29 CFR 1607.4 D); a gap beyond chance is flagged below it."""
MIN_GAP = 0.05
"""A gap beyond chance is flagged from this size on. Where most are answered positive, the ratio hardly moves."""
_CHUNK = 1_000_000
"""Counts, one per permutation and group, in memory at once."""
_ROUNDING = 1e-9


def fairness(
    arm: str,
    outcomes: Sequence[Sequence[Outcome]],
    groups: Mapping[str, Mapping[str, str]],
    *,
    seed: int,
    permutations: int = 5000,
    confidence: float = 0.95,
) -> Fairness | None:
    """Rates of positive answers by group of one arm; None where nobody has a group, or the task has no positive class.

    outcomes: per training seed, all on the same questions. A person's answer is the mean over the seeds, in [0, 1]; an unparsed
    completion is not a positive answer. groups: by question id, a person's group by attribute, compared without case. A person
    with no group of an attribute is left out of it.

    The interval of a rate is Wilson's and that of a gap Newcombe's, by the number of people; with several seeds both are wider
    than necessary. The gap is the widest of all pairs of groups; its interval holds for all pairs together (Bonferroni).

    p is from a permutation test: people are permuted within their gold class, `permutations` times, drawn by `seed`. p is the
    share of permutations whose squared group sums are at least as far apart as observed. It is exact for groups of any size;
    the Cochran-Mantel-Haenszel test is its large-sample form. Permuting within gold classes means that groups whose gold labels
    differ raise no alarm. p_adjusted is corrected over the attributes by Holm.

    A gap is flagged when p_adjusted is below ALPHA and, between people of the same gold labels, the ratio of the rates is below
    MIN_RATIO or their gap is at least MIN_GAP. With thousands of people, a gap beyond chance may be too small to matter.

    Raises ValueError without outcomes, or for seeds that answered different questions.
    """
    gold, answers = _answers(outcomes)
    if not gold:
        return None
    rng = np.random.default_rng(seed)
    attributes = dict.fromkeys(name for id in gold for name, group in groups.get(id, {}).items() if group)
    rates: list[GroupRate] = []
    gaps: list[GroupGap] = []
    for name in attributes:
        ids = [id for id in gold if groups.get(id, {}).get(name)]
        people = _People(
            answered=np.array([answers[id] for id in ids]),
            gold=np.array([gold[id] for id in ids]),
            group=np.array(_normalise_case([groups[id][name] for id in ids])),
        )
        found = people.rates(name, confidence)
        rates += found
        compared = [rate for rate in found if rate.n >= MIN_PEOPLE]
        if len(compared) > 1:
            gaps.append(
                _gap(name, compared, people.p([rate.group for rate in compared], rng, permutations), confidence)
            )
    if not rates:
        return None
    adjusted = adjust([gap.p for gap in gaps], "holm")
    flagged = (_flagged(gap, p, rates) for gap, p in zip(gaps, adjusted, strict=True))
    return Fairness(arm=arm, groups=tuple(rates), gaps=tuple(flagged))


def _normalise_case(groups: Sequence[str]) -> list[str]:
    """The groups; those that differ only in case get the most frequent spelling."""
    counts = Counter(groups)
    spelling = {group.casefold(): group for group in sorted(counts, key=lambda group: (counts[group], group))}
    return [spelling[group.casefold()] for group in groups]


def _wilson(rate: float, n: int, confidence: float) -> Interval:
    """Wilson's score interval of a share of `n`. For the mean of `n` values in [0, 1] it is wide enough, since their variance is
    at most rate (1 - rate)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(rate * n, n, alpha=1 - confidence, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def _newcombe(high: GroupRate, low: GroupRate, alpha: float) -> Interval:
    """Newcombe's hybrid score interval of the difference of two independent shares (1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = (high.rate * high.n, high.n, low.rate * low.n, low.n)
    lower, upper = confint_proportions_2indep(*counts, compare="diff", method="newcomb", alpha=alpha)
    return float(lower), float(upper)


def answered_positive(outcome: Outcome) -> bool:
    """Whether the completion answers the positive class; an unparsed one does not."""
    return outcome.classes is not None and outcome.kind != "unparsed" and outcome.prediction == outcome.classes[0]


def _answers(outcomes: Sequence[Sequence[Outcome]]) -> tuple[dict[str, bool], dict[str, float]]:
    """Whether each person is a gold positive, and the share of the seeds that answered positive; empty without a positive
    class."""
    if not outcomes or not outcomes[0]:
        raise ValueError("no outcomes to compare groups by")
    gold = {outcome.id: outcome.positive for outcome in outcomes[0] if outcome.positive is not None}
    positive = dict.fromkeys(gold, 0)
    for seed in outcomes:
        of = [outcome for outcome in seed if outcome.positive is not None]
        if len(of) != len(gold) or {outcome.id for outcome in of} != gold.keys():
            raise ValueError("the seeds of an arm must have answered the same questions")
        for outcome in of:
            positive[outcome.id] += answered_positive(outcome)
    return gold, {id: number / len(outcomes) for id, number in positive.items()}


class _People:
    """The people of one attribute, an entry each: the share answered positive, gold positive or not, and the group."""

    def __init__(self, answered: Floats, gold: npt.NDArray[np.bool_], group: npt.NDArray[np.str_]) -> None:
        self._answered, self._gold, self._group = answered, gold, group

    def _expected(self, of: npt.NDArray[np.bool_]) -> Floats:
        """The mean answer of each person's gold class among those `of`."""
        expected = np.zeros(len(self._answered))
        for positive in (True, False):
            members = of & (self._gold == positive)
            if members.any():
                expected[members] = self._answered[members].mean()
        return expected

    def rates(self, attribute: str, confidence: float) -> list[GroupRate]:
        """Every group, the highest rate first; equal rates by name."""
        found = []
        for name in sorted(set(self._group.tolist())):
            of = self._group == name
            answered, gold = self._answered[of], self._gold[of]
            rate = float(answered.mean())
            found.append(
                GroupRate(
                    attribute=attribute,
                    group=name,
                    n=int(of.sum()),
                    rate=rate,
                    rate_ci=_wilson(rate, len(answered), confidence),
                    gold_rate=float(gold.mean()),
                    recall=float(answered[gold].mean()) if gold.any() else None,
                    false_positive_rate=float(answered[~gold].mean()) if not gold.all() else None,
                    standardized_rate=self._standardized_rate(of),
                )
            )
        return sorted(found, key=lambda rate: -rate.rate)

    def _standardized_rate(self, of: npt.NDArray[np.bool_]) -> float:
        """The rate of a group, standardised to everyone's gold labels. For a class without members, everyone's rate is used."""
        rate = 0.0
        for positive in (True, False):
            members = self._gold == positive
            own = members & of
            if members.any():
                rate += float(members.mean() * self._answered[own if own.any() else members].mean())
        return rate

    def p(self, groups: Sequence[str], rng: np.random.Generator, permutations: int) -> float:
        """p-value of the statistic sum((sum of answers less the mean of the gold class)**2 / size) over the groups."""
        compared = np.isin(self._group, groups)
        beyond = (self._answered - self._expected(compared))[compared]
        gold, named = self._gold[compared], self._group[compared]
        places = {name: place for place, name in enumerate(groups)}
        place = np.array([places[name] for name in named.tolist()])
        sizes = np.bincount(place, minlength=len(groups))
        seen = float(np.sum(np.bincount(place, weights=beyond, minlength=len(groups)) ** 2 / sizes))
        strata = []
        for stratum in (gold, ~gold):
            values, counts = np.unique(beyond[stratum], return_counts=True)
            strata.append((np.bincount(place[stratum], minlength=len(groups)), values, counts))
        as_far = 0
        for rows in _chunks(permutations, len(groups)):
            sums = np.sum([_permuted_sums(*stratum, rows, rng) for stratum in strata], axis=0)
            as_far += int(np.sum(np.sum(sums**2 / sizes[:, None], axis=0) >= seen - _ROUNDING))
        # The observed order is one of the permutations (Phipson and Smyth 2010), so p is never 0.
        return (1 + as_far) / (1 + permutations)


def _permuted_sums(sizes: Ints, values: Floats, counts: Ints, rows: int, rng: np.random.Generator) -> Floats:
    """Sums of answers, (groups, rows), in `rows` random permutations of the answers of one class.

    counts: people by answer; values: the different answers. Only a group's count of each answer matters to its sum, so the counts
    are drawn (multivariate hypergeometric), and time does not grow with the number of people.
    """
    left = np.repeat(sizes[:, None], rows, axis=1)
    sums = np.zeros((len(sizes), rows))
    # The most frequent answer goes to the people left over.
    order = np.argsort(counts, kind="stable")
    for level in order[:-1]:
        taken = np.empty_like(left)
        _draw_counts(left, np.full(rows, counts[level]), taken, rng)
        sums += values[level] * taken
        left -= taken
    return sums + values[order[-1]] * left if len(order) else sums


def _draw_counts(sizes: Ints, number: Ints, taken: Ints, rng: np.random.Generator) -> None:
    """Draws `number` people without replacement from groups of `sizes`, and writes into `taken` how many come from each group.
    It splits the groups into halves down to single groups. Each column is an independent draw."""
    if len(sizes) == 1:
        taken[0] = number
        return
    half = len(sizes) // 2
    first = rng.hypergeometric(sizes[:half].sum(axis=0), sizes[half:].sum(axis=0), number)
    _draw_counts(sizes[:half], first, taken[:half], rng)
    _draw_counts(sizes[half:], number - first, taken[half:], rng)


def _chunks(permutations: int, groups: int) -> Iterator[int]:
    most = max(1, _CHUNK // groups)
    for start in range(0, permutations, most):
        yield min(most, permutations - start)


def _gap(attribute: str, rates: Sequence[GroupRate], p: float, confidence: float) -> GroupGap:
    """The widest gap of the groups, before correction and flag."""
    high, low = rates[0], rates[-1]
    pairs = math.comb(len(rates), 2)
    standardized = [rate.standardized_rate for rate in rates]
    return GroupGap(
        attribute=attribute,
        low=low.group,
        high=high.group,
        gap=high.rate - low.rate,
        gap_ci=_newcombe(high, low, (1 - confidence) / pairs),
        ratio=low.rate / high.rate if high.rate else None,
        standardized_gap=max(standardized) - min(standardized),
        p=p,
        p_adjusted=p,
        flagged=False,
    )


def _flagged(gap: GroupGap, p_adjusted: float, rates: Sequence[GroupRate]) -> GroupGap:
    standardized = [
        rate.standardized_rate for rate in rates if rate.attribute == gap.attribute and rate.n >= MIN_PEOPLE
    ]
    large = gap.standardized_gap >= MIN_GAP or max(0.0, min(standardized)) < MIN_RATIO * max(standardized)
    return gap.model_copy(update={"p_adjusted": p_adjusted, "flagged": p_adjusted < ALPHA and large})
