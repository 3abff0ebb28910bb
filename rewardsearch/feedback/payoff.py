"""The improvement from each operator with each model, and its cost. The next round's mix of operators follows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, hypot, pi, sqrt

from scipy.special import ndtr, ndtri

from rewardsearch.records import BASELINE, Operator, Proposal, RankedRow, Ranking, Usage
from rewardsearch.records.feedback import Payoff

MIN_NOISE = 0.01
"""The smallest standard deviation of an F1 that is assumed: two short trainings are never surer than this."""
MIN_COST = 0.1
"""The least cost of a request, in average requests of its round: what a free model writes is not trained for free."""
Arm = tuple[Operator, str]


def payoffs(proposals: Mapping[tuple[int, int], Proposal], ranking: Ranking, confidence: float) -> tuple[Payoff, ...]:
    """One Payoff for each operator and model, in the order of their first request.

    proposals: by round and attempt. A repair counts for the request that it repairs: its cost and its candidates are added there.
    Improvement and cost are relative to the average request of the round, since rounds differ: candidates of the first are
    compared with the baseline, later ones with the best so far. In a round without a scored candidate every request is average.
    Requests whose candidates ended in infrastructure errors are left out: they say nothing about operator or model.

    Raises ValueError when the baseline has no score.
    """
    rows = {row.id: row for row in ranking.rows if row.f1 is not None}
    if BASELINE not in rows:
        raise ValueError("the baseline has no score to compare candidates with")
    errors = {row.id for row in ranking.rows if row.status == "error"}
    between_seeds = ranking.noise.seed_sd if ranking.noise else 0.0
    best = _best_before(rows, max((round for round, _ in proposals), default=0))
    arm_of: dict[str, Arm] = {}
    rounds: dict[int, dict[Arm, _ArmInRound]] = {}
    for (round, attempt), proposal in sorted(proposals.items()):
        for outcome in proposal.outcomes:
            arm: Arm = (outcome.request.operator, outcome.request.model)
            if outcome.candidates and errors.issuperset(outcome.candidates):
                continue
            if attempt and outcome.request.parents:
                arm = arm_of.get(outcome.request.parents[0], arm)
            of = rounds.setdefault(round, {}).setdefault(arm, _ArmInRound())
            of.requests += attempt == 0
            of.unanswered += attempt == 0 and not outcome.usage.requests
            of.usage += outcome.usage
            for id in outcome.candidates:
                arm_of[id] = arm
                if id in rows:
                    of.improvement += expected_improvement(rows[id], best[round], confidence, between_seeds)
    out: dict[Arm, Payoff] = {}
    for of_round in rounds.values():
        for arm, improvement, cost in _relative(of_round):
            start = Payoff(operator=arm[0], model=arm[1], requests=0, improvement=0, cost=0, usage=Usage())
            before, new = out.get(arm, start), of_round[arm]
            update = {
                "requests": before.requests + new.requests,
                "improvement": before.improvement + improvement,
                "cost": before.cost + cost,
                "usage": before.usage + new.usage,
            }
            out[arm] = before.model_copy(update=update)
    return tuple(out.values())


@dataclass
class _ArmInRound:
    """An operator with a model in one round; `improvement` is in standard deviations of a score."""

    requests: int = 0
    unanswered: int = 0
    """Requests without a reply. Each counts as an average cost, since it cost a candidate."""
    improvement: float = 0.0
    usage: Usage = field(default_factory=Usage)


def _relative(arms: Mapping[Arm, _ArmInRound]) -> Iterator[tuple[Arm, float, float]]:
    """Each arm's improvement and cost in one round. Each sums to the number of requests, costs to more where MIN_COST applies."""
    requests = sum(each.requests for each in arms.values())
    improvement = sum(each.improvement for each in arms.values())
    costs = _costs(arms)
    cost = sum(costs.values())
    answered = requests - sum(each.unanswered for each in arms.values())
    for arm, each in arms.items():
        least = MIN_COST * each.requests
        yield (
            arm,
            each.improvement * requests / improvement if improvement > 0 else float(each.requests),
            max(least, costs[arm] * answered / cost + each.unanswered) if cost > 0 else float(each.requests),
        )


def _costs(arms: Mapping[Arm, _ArmInRound]) -> dict[Arm, float]:
    """In money where every request has a price, else in tokens; all 0 where nothing was paid, as with manual proposals."""
    dollars = {arm: each.usage.dollars for arm, each in arms.items()}
    if sum(dollars.values()) > 0 and not any(each.usage.unpriced for each in arms.values()):
        return dollars
    return {arm: float(each.usage.tokens) for arm, each in arms.items()}


def expected_improvement(row: RankedRow, best: float, confidence: float, between_seeds: float = 0.0) -> float:
    """The expected improvement of a trained candidate over `best`, in standard deviations of its score.

    z Phi(z) + phi(z) with z = (F1 - best) / sd (Jones, Schonlau, Welch 1998, eq. 15): near 0 well below the best, 0.4 level with
    it, z well above. So a score within the noise does not count as all or nothing. The noise is that of the questions, from the
    score's interval, and of the seeds, with the standard deviation `between_seeds`.
    """
    assert row.f1 is not None and row.f1_ci is not None
    width = ndtri((1 + confidence) / 2)
    noise = max(MIN_NOISE, hypot((row.f1_ci[1] - row.f1_ci[0]) / 2 / width, between_seeds))
    z = (row.f1 - best) / noise
    return float(z * ndtr(z) + exp(-z * z / 2) / sqrt(2 * pi))


def _best_before(rows: Mapping[str, RankedRow], rounds: int) -> dict[int, float]:
    """The best score known at the start of each round: that of the baseline, or of a candidate of an earlier round."""
    known = [rows[BASELINE], *(row for row in rows.values() if row.round > 0)]
    return {
        round: max(row.f1 or 0.0 for row in known if row.round < round or row.id == BASELINE)
        for round in range(1, rounds + 1)
    }
