"""Numbers about a reward on labelled completions: means by kind, how much of it is length, what cannot be learnt from."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from rewardsearch.records import LabelledCompletion, OutcomeKind

KINDS: tuple[OutcomeKind, ...] = ("correct", "wrong", "unparsed")
_NOISE = 0.01
"""Below this share of a reward's spread, a lead of wrong over correct completions is that of their digits' lengths."""


def mean_by_kind(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> dict[OutcomeKind, float]:
    """The mean reward of each kind of completion that `items` holds."""
    groups = {kind: [r for item, r in zip(items, rewards, strict=True) if item.kind == kind] for kind in KINDS}
    return {kind: statistics.fmean(values) for kind, values in groups.items() if values}


def correct_above_wrong(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> float | None:
    """How much more correct completions are paid than wrong ones, on average over pairs; None where there are no pairs.

    Each wrong completion is compared with the correct one of the same row that is nearest in length, so that a reward
    for another thing than the answer (brevity, a form) is not judged by how the styles are spread over the two kinds.
    """
    correct: dict[str, list[tuple[int, int]]] = {}
    for index, item in enumerate(items):
        if item.kind == "correct":
            correct.setdefault(item.row.id, []).append((len(item.completion), index))
    differences = []
    for item, reward in zip(items, rewards, strict=True):
        if item.kind == "wrong":
            size = len(item.completion)
            matched = [(abs(length - size), index) for length, index in correct.get(item.row.id, ())]
            if matched:
                differences.append(rewards[min(matched)[1]] - reward)
    return statistics.fmean(differences) if differences else None


def misjudgements(
    items: Sequence[LabelledCompletion],
    rewards: Sequence[float],
    margin: float,
    classes: tuple[str, str] | None = None,
) -> Iterator[str]:
    """Why rewards teach the wrong thing: they pay wrong completions more than correct ones of their style. `margin` is how
    much more correct ones must be paid; with `classes` it is so for either of them, since what pays one answer whatever is
    right would be even over both."""
    spread = max(rewards) - min(rewards)
    for name in classes or (None,):
        chosen = [place for place, item in enumerate(items) if name in (None, item.row.answer)]
        above = correct_above_wrong([items[place] for place in chosen], [rewards[place] for place in chosen])
        if above is not None and above < margin - _NOISE * spread:
            least = f"at least {margin:g} more" if margin > 0 else "no less"
            where = "" if name is None else f" where {name} is right"
            yield (
                f"pays a correct completion {above:+.4g} against a wrong one of the same style{where}: "
                f"it must be paid {least}; compare what the completion says with `answer`"
            )
            return


def length_correlation(items: Sequence[LabelledCompletion], rewards: Sequence[float]) -> float:
    """Rank correlation (Spearman's) of reward with length in characters among completions of one kind, pooled over
    kinds; 0 where one of the two has no spread. Within kinds, since a correct completion is often a longer one."""
    lengths: list[float] = []
    values: list[float] = []
    for kind in KINDS:
        chosen = [(float(len(item.completion)), r) for item, r in zip(items, rewards, strict=True) if item.kind == kind]
        for out, column in ((lengths, [a for a, _ in chosen]), (values, [b for _, b in chosen])):
            ranks = _ranks(column)
            middle = statistics.fmean(ranks) if ranks else 0.0
            out.extend(rank - middle for rank in ranks)
    try:
        return statistics.correlation(lengths, values)
    except statistics.StatisticsError:
        return 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, the mean rank for ties."""
    order = sorted(values)
    first = {value: order.index(value) for value in set(order)}
    count = {value: order.count(value) for value in first}
    return [first[value] + (count[value] + 1) / 2 for value in values]
