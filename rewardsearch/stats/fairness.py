"""Whether groups of people are answered alike: rates of the positive class by group, and a test of their gap.

It covers what outcomes show of the groups that the data name. It does not say why a gap is there, nor whether the gold labels
are themselves fair: people of the same label are held against each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from rewardsearch.records import Fairness, GroupGap, GroupRate, Interval, Outcome
from rewardsearch.stats.paired import adjust

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LEAST_PEOPLE = 10
"""People of a group from which on it takes part in the gap; smaller ones stand in the table alone."""
ALPHA = 0.05
"""Corrected p from which on a gap is told from chance."""
LEAST_RATIO = 0.8
"""The four-fifths rule's impact ratio (29 CFR 1607.4 D), below which a clear gap is flagged."""
LEAST_GAP = 0.05
"""Gap of the rates from which on a clear gap is flagged: where most are answered positive, the ratio hardly moves."""
_CHUNK = 1_000_000
"""Counts, one a permutation and group, that are held at once."""
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
    """Rates of positive answers by group of one arm; None where nobody has a group, or the task has no classes.

    outcomes: of each training seed, all of the same questions; a person's answer is the mean over the seeds, in [0, 1], and an
    unparsed completion is no positive answer. groups: by question id, a person's group by attribute, compared without case; who
    has none of an attribute, or an empty one, is left out of it.

    Intervals are Wilson's of a rate and Newcombe's of a gap, by the number of people; with several seeds they are wider than
    they need be. The gap is the widest of all pairs of groups, its interval holds for all pairs together (Bonferroni).
    p: share of `permutations` of the people within their gold class, drawn by `seed`, whose squared group sums are as far apart
    as those seen. Given the labels it is exact for any sizes of groups; Cochran-Mantel-Haenszel's test is its large-sample form.
    It conditions on gold so that groups that truly deserve other rates raise no alarm, and is corrected over the attributes by
    Holm. A gap is flagged when p_adjusted is below ALPHA and, between people of the same gold labels, the ratio of the rates is
    below LEAST_RATIO or their gap at least LEAST_GAP: with thousands of people, a clear gap may be too small to matter.

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
            group=np.array(_spelled([groups[id][name] for id in ids])),
        )
        found = people.rates(name, confidence)
        rates += found
        compared = [rate for rate in found if rate.n >= LEAST_PEOPLE]
        if len(compared) > 1:
            gaps.append(
                _gap(name, compared, people.p([rate.group for rate in compared], rng, permutations), confidence)
            )
    if not rates:
        return None
    adjusted = adjust([gap.p for gap in gaps], "holm")
    judged = (_judged(gap, p, rates) for gap, p in zip(gaps, adjusted, strict=True))
    return Fairness(arm=arm, groups=tuple(rates), gaps=tuple(judged))


def _spelled(groups: Sequence[str]) -> list[str]:
    """The groups, those that differ in case alone by the spelling that is there most often."""
    counts = Counter(groups)
    spelling = {group.casefold(): group for group in sorted(counts, key=lambda group: (counts[group], group))}
    return [spelling[group.casefold()] for group in groups]


def wilson(rate: float, n: int, confidence: float) -> Interval:
    """Wilson's score interval (1927, eq. 4) of a share of `n`. For the mean of `n` values in [0, 1] it is no narrower than it
    should be: their variance is at most rate (1 - rate)."""
    z = float(ndtri((1 + confidence) / 2))
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(high: tuple[float, int], low: tuple[float, int], confidence: float) -> Interval:
    """Newcombe's hybrid score interval of the difference of two independent shares (1998, method 10), each given with its n."""
    (a, a_low, a_high), (b, b_low, b_high) = ((rate, *wilson(rate, n, confidence)) for rate, n in (high, low))
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def answered_positive(outcome: Outcome) -> bool:
    """Whether the completion says the positive class; an unparsed one says nothing."""
    return outcome.kind != "unparsed" and (outcome.kind == "correct") == bool(outcome.positive)


def _answers(outcomes: Sequence[Sequence[Outcome]]) -> tuple[dict[str, bool], dict[str, float]]:
    """Whether each person is a gold positive, and the share of the seeds that answered positive; empty without classes."""
    if not outcomes or not outcomes[0]:
        raise ValueError("no outcomes to tell groups apart by")
    gold = {outcome.id: outcome.positive for outcome in outcomes[0] if outcome.positive is not None}
    said = dict.fromkeys(gold, 0)
    for seed in outcomes:
        of = [outcome for outcome in seed if outcome.positive is not None]
        if len(of) != len(gold) or {outcome.id for outcome in of} != gold.keys():
            raise ValueError("the seeds of an arm must have answered the same questions")
        for outcome in of:
            said[outcome.id] += answered_positive(outcome)
    return gold, {id: number / len(outcomes) for id, number in said.items()}


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
        """Every group, the highest rate first, of equals by name."""
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
                    rate_ci=wilson(rate, len(answered), confidence),
                    gold_rate=float(gold.mean()),
                    recall=float(answered[gold].mean()) if gold.any() else None,
                    false_rate=float(answered[~gold].mean()) if not gold.all() else None,
                    alike=self._alike(of),
                )
            )
        return sorted(found, key=lambda rate: -rate.rate)

    def _alike(self, of: npt.NDArray[np.bool_]) -> float:
        """The rate of a group, standardised to everyone's gold labels; a class that it has nobody of counts as it is answered."""
        rate = 0.0
        for positive in (True, False):
            members = self._gold == positive
            own = members & of
            if members.any():
                rate += float(members.mean() * self._answered[own if own.any() else members].mean())
        return rate

    def p(self, groups: Sequence[str], rng: np.random.Generator, permutations: int) -> float:
        """That the groups' sums of answers beyond those of their gold class, squared by the group's size, are by chance."""
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
            sums = np.sum([_dealt(*stratum, rows, rng) for stratum in strata], axis=0)
            as_far += int(np.sum(np.sum(sums**2 / sizes[:, None], axis=0) >= seen - _ROUNDING))
        # What was seen is one of the permutations (Phipson and Smyth 2010), so that p is never 0.
        return (1 + as_far) / (1 + permutations)


def _dealt(sizes: Ints, values: Floats, counts: Ints, rows: int, rng: np.random.Generator) -> Floats:
    """Each group's sum of answers, a line a group and a column for each of `rows` permutations of a class's answers.

    counts: people by answer, whose `values` differ. Who of a group gets which answer is the same to its sum, so that its count
    of each answer is drawn (multivariate hypergeometric), and time does not grow with the number of people.
    """
    left = np.repeat(sizes[:, None], rows, axis=1)
    sums = np.zeros((len(sizes), rows))
    # The most frequent answer goes to who is left.
    order = np.argsort(counts, kind="stable")
    for level in order[:-1]:
        taken = np.empty_like(left)
        _deal(left, np.full(rows, counts[level]), taken, rng)
        sums += values[level] * taken
        left -= taken
    return sums + values[order[-1]] * left if len(order) else sums


def _deal(sizes: Ints, number: Ints, taken: Ints, rng: np.random.Generator) -> None:
    """Draws `number` people without replacement from groups of `sizes`, and writes into `taken` how many are of each: by halves
    of the groups, down to single ones. Each column is a draw of its own."""
    if len(sizes) == 1:
        taken[0] = number
        return
    half = len(sizes) // 2
    first = rng.hypergeometric(sizes[:half].sum(axis=0), sizes[half:].sum(axis=0), number)
    _deal(sizes[:half], first, taken[:half], rng)
    _deal(sizes[half:], number - first, taken[half:], rng)


def _chunks(permutations: int, groups: int) -> Iterator[int]:
    most = max(1, _CHUNK // groups)
    for start in range(0, permutations, most):
        yield min(most, permutations - start)


def _gap(attribute: str, rates: Sequence[GroupRate], p: float, confidence: float) -> GroupGap:
    """The widest gap of the groups, not yet judged."""
    high, low = rates[0], rates[-1]
    pairs = math.comb(len(rates), 2)
    alike = [rate.alike for rate in rates]
    return GroupGap(
        attribute=attribute,
        low=low.group,
        high=high.group,
        gap=high.rate - low.rate,
        gap_ci=newcombe((high.rate, high.n), (low.rate, low.n), 1 - (1 - confidence) / pairs),
        ratio=low.rate / high.rate if high.rate else None,
        alike=max(alike) - min(alike),
        p=p,
        p_adjusted=p,
        flagged=False,
    )


def _judged(gap: GroupGap, p_adjusted: float, rates: Sequence[GroupRate]) -> GroupGap:
    alike = [rate.alike for rate in rates if rate.attribute == gap.attribute and rate.n >= LEAST_PEOPLE]
    apart = gap.alike >= LEAST_GAP or max(0.0, min(alike)) < LEAST_RATIO * max(alike)
    return gap.model_copy(update={"p_adjusted": p_adjusted, "flagged": p_adjusted < ALPHA and apart})
