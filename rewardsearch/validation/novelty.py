"""The stage `novelty`: a reward that pays the policy's completions as an earlier one does would train the same policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rewardsearch.records import Candidate, Verdict
from rewardsearch.stats import rank_correlation
from rewardsearch.validation.bench import Tried
from rewardsearch.validation.groups import Rewards, concordance


def agreement(a: Rewards, b: Rewards) -> float:
    """How alike two rewards behave on a bank, at most 1: the lower of their rank correlation within groups (they put a
    question's completions in the same order) and of their concordance (with the same distances between them).

    Of the rewards alone: beside the base rewards, whose order most candidates leave as it is while the policy fails at the
    form, nearly all would look alike. A multiple of a reward is another reward, since the base rewards do not grow with it.
    """
    order, amount = rank_correlation(a, b), concordance(a, b)
    return min(order, amount) if order is not None and amount is not None else 0.0


def nearest(rewards: Rewards, known: Iterable[tuple[Candidate, Rewards]]) -> tuple[float, Candidate] | None:
    """The highest agreement with one of `known`, and with whom, the first of several; None where there are none."""
    return max(
        ((agreement(rewards, other), candidate) for candidate, other in known), key=lambda pair: pair[0], default=None
    )


def judged_novel(
    candidates: Sequence[Candidate],
    tried: Sequence[Tried],
    known: Sequence[tuple[Candidate, Rewards]],
    most: float,
) -> Iterator[Verdict]:
    """The verdicts, those of accepted candidates with their highest agreement with an accepted one before them: one of
    `known` or of `candidates`. From `most` on a candidate is refused, unless it is scored on no bank."""
    before = list(known)
    for candidate, each in zip(candidates, tried, strict=True):
        verdict = each.verdict
        if verdict.accepted and each.rewards is not None:
            found = nearest(each.rewards, [pair for pair in before if pair[0].id != candidate.id])
            if found is not None:
                verdict = _compared(verdict, *found, most)
            if verdict.accepted:
                before.append((candidate, each.rewards))
        yield verdict


def _compared(verdict: Verdict, agreement: float, other: Candidate, most: float) -> Verdict:
    checks = {**verdict.checks, "bank_agreement": agreement, "bank_agreement_with": other.id}
    refused: dict[str, object] = {}
    if agreement >= most:
        reason = (
            f"behaves like {other.name} ({other.id}) on the policy's completions: agreement {agreement:.3f}, "
            f"must be below {most:g}; pay for something else, or clearly more or less"
        )
        refused = {"accepted": False, "stage": "novelty", "reason": reason}
    return verdict.model_copy(update={"checks": checks, **refused})
