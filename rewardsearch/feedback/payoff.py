"""What each operator with each model has brought, and what that cost: what the next round's mix follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, hypot, pi, sqrt

from scipy.special import ndtr, ndtri

from rewardsearch.records import BASELINE, Operator, Proposal, RankedRow, Ranking, Usage
from rewardsearch.records.feedback import Payoff

LEAST_NOISE = 0.01
"""The least standard deviation of an F1 that is assumed; more than this does not tell two short trainings apart."""
LEAST_COST = 0.1
"""Of a round's average cost, the least that an ask counts for: what a free model writes is not screened for free."""
Arm = tuple[Operator, str]


def payoffs(proposals: Mapping[tuple[int, int], Proposal], ranking: Ranking, confidence: float) -> tuple[Payoff, ...]:
    """One Payoff for each operator and model that was asked, in the order of their first ask.

    proposals: by round and attempt. A repair belongs to the ask that it mends: its cost is added there, and what it mended
    counts there. Credit and cost are taken against the round's average ask, since rounds are not alike: the first is held
    against the baseline, later ones against the best so far. In a round without a scored candidate every ask is average.
    Asks whose candidates ended in infrastructure errors are left out: these say nothing of who was asked.

    Raises ValueError when the baseline has no score.
    """
    rows = {row.id: row for row in ranking.rows if row.f1 is not None}
    if BASELINE not in rows:
        raise ValueError("the baseline has no score to hold candidates against")
    errors = {row.id for row in ranking.rows if row.status == "error"}
    between_seeds = ranking.noise.seed_sd if ranking.noise else 0.0
    best = _best_before(rows, max((round for round, _ in proposals), default=0))
    arm_of: dict[str, Arm] = {}
    rounds: dict[int, dict[Arm, _ArmInRound]] = {}
    for (round, attempt), proposal in sorted(proposals.items()):
        for played in proposal.outcomes:
            arm: Arm = (played.request.operator, played.request.model)
            if played.candidates and errors.issuperset(played.candidates):
                continue
            if attempt and played.request.parents:
                arm = arm_of.get(played.request.parents[0], arm)
            of = rounds.setdefault(round, {}).setdefault(arm, _ArmInRound())
            of.requests += attempt == 0
            of.unanswered += attempt == 0 and not played.usage.requests
            of.usage += played.usage
            for id in played.candidates:
                arm_of[id] = arm
                if id in rows:
                    of.improvement += expected_improvement(rows[id], best[round], confidence, between_seeds)
    out: dict[Arm, Payoff] = {}
    for of_round in rounds.values():
        for arm, credit, cost in _against_average(of_round):
            before = out.get(arm) or Payoff(
                operator=arm[0], model=arm[1], requests=0, improvement=0, cost=0, usage=Usage()
            )
            out[arm] = Payoff(
                operator=arm[0],
                model=arm[1],
                requests=before.requests + of_round[arm].requests,
                improvement=before.improvement + credit,
                cost=before.cost + cost,
                usage=before.usage + of_round[arm].usage,
            )
    return tuple(out.values())


@dataclass
class _ArmInRound:
    """What an arm did in one round; `improvement` in standard deviations of a score."""

    requests: int = 0
    unanswered: int = 0
    """Asks that got no reply: they cost nothing but a candidate, so each counts for an average ask's cost."""
    improvement: float = 0.0
    usage: Usage = field(default_factory=Usage)


def _against_average(played: Mapping[Arm, _ArmInRound]) -> Iterator[tuple[Arm, float, float]]:
    """Each arm's credit and cost in one round; each sums to the number of asks, costs to more where LEAST_COST raises one."""
    asks = sum(each.requests for each in played.values())
    credit = sum(each.improvement for each in played.values())
    costs = _costs(played)
    cost = sum(costs.values())
    answered = asks - sum(each.unanswered for each in played.values())
    for arm, each in played.items():
        least = LEAST_COST * each.requests
        yield (
            arm,
            each.improvement * asks / credit if credit > 0 else float(each.requests),
            max(least, costs[arm] * answered / cost + each.unanswered) if cost > 0 else float(each.requests),
        )


def _costs(played: Mapping[Arm, _ArmInRound]) -> dict[Arm, float]:
    """In money where every request has a price, else in tokens; all 0 where nothing was paid, as by hand."""
    dollars = {arm: each.usage.dollars for arm, each in played.items()}
    if sum(dollars.values()) > 0 and not any(each.usage.unpriced for each in played.values()):
        return dollars
    return {arm: float(each.usage.tokens) for arm, each in played.items()}


def expected_improvement(row: RankedRow, best: float, confidence: float, between_seeds: float = 0.0) -> float:
    """The expected improvement of a screened candidate over `best`, in standard deviations of its score.

    z Phi(z) + phi(z) with z = (F1 - best) / sd (Jones, Schonlau, Welch 1998, eq. 15): near nothing well below the best, 0.4
    level with it, z well above. It spares a score within the noise from counting as all or nothing. The noise is that of the
    questions, from the score's interval, and the standard deviation `between_seeds`.
    """
    assert row.f1 is not None and row.f1_ci is not None
    width = ndtri((1 + confidence) / 2)
    noise = max(LEAST_NOISE, hypot((row.f1_ci[1] - row.f1_ci[0]) / 2 / width, between_seeds))
    z = (row.f1 - best) / noise
    return float(z * ndtr(z) + exp(-z * z / 2) / sqrt(2 * pi))


def _best_before(rows: Mapping[str, RankedRow], rounds: int) -> dict[int, float]:
    """The best score that was known when a round began: the baseline's, or an earlier round's candidate's."""
    first = rows[BASELINE].f1
    assert first is not None
    out = {}
    for round in range(1, rounds + 1):
        out[round] = max([first, *(row.f1 or 0.0 for row in rows.values() if 0 < row.round < round)])
    return out
