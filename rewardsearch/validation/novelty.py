"""The stage `novelty`: a reward that pays the policy's completions as an earlier one does would train the same policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rewardsearch.records import Candidate, Verdict
from rewardsearch.stats import rank_correlation
from rewardsearch.validation.measures import Rewards, concordance


class Evaluated(NamedTuple):
    """The verdict on a candidate before its novelty, and its rewards on the bank; None where it was not scored on it."""

    candidate: Candidate
    verdict: Verdict
    rewards: Rewards | None = None


def agreement(a: Rewards, b: Rewards) -> float:
    """How similar two rewards behave on a bank, at most 1: the lower of their rank correlation within groups (the same order of a
    question's completions) and of their concordance (the same distances between them).

    Of the rewards alone: with the base rewards added, nearly all candidates would agree while the policy fails at the form. A
    multiple of a reward is another reward, since the base rewards do not grow with it.
    """
    order, amount = rank_correlation(a, b), concordance(a, b)
    return min(order, amount) if order is not None and amount is not None else 0.0


def nearest(rewards: Rewards, known: Iterable[tuple[Candidate, Rewards]]) -> tuple[float, Candidate] | None:
    """The highest agreement with one of `known`, and with which (the first of several); None where there are none."""
    pairs = ((agreement(rewards, other), candidate) for candidate, other in known)
    return max(pairs, key=lambda pair: pair[0], default=None)


def novelty_verdicts(
    evaluated: Sequence[Evaluated], known: Sequence[tuple[Candidate, Rewards]], max_agreement: float
) -> Iterator[Verdict]:
    """The verdicts. Those of accepted candidates get their highest agreement with an accepted one before them: one of `known` or
    of `evaluated`. A candidate with `max_agreement` or more is refused, unless it was not scored on a bank."""
    before = list(known)
    for candidate, verdict, rewards in evaluated:
        compared = verdict
        if verdict.accepted and rewards is not None:
            found = nearest(rewards, [pair for pair in before if pair[0].id != candidate.id])
            if found is not None:
                compared = _compared(verdict, *found, max_agreement)
            if compared.accepted:
                before.append((candidate, rewards))
        yield compared


def _compared(verdict: Verdict, agreement: float, other: Candidate, max_agreement: float) -> Verdict:
    checks = {**verdict.checks, "bank_agreement": agreement, "bank_agreement_with": other.id}
    refused: dict[str, object] = {}
    if agreement >= max_agreement:
        reason = (
            f"behaves like {other.name} ({other.id}) on the policy's completions: agreement {agreement:.3f}, "
            f"must be below {max_agreement:g}; pay for something else, or clearly more or less"
        )
        refused = {"accepted": False, "stage": "novelty", "reason": reason}
    return verdict.model_copy(update={"checks": checks, **refused})
