"""What each operator with each model has brought, and what that cost: what the next round's mix follows."""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import norm

from rewardsearch.evidence import Payoff
from rewardsearch.records import BASELINE, Operator, Proposal, RankedRow, Ranking, Usage

LEAST_NOISE = 0.01
"""The least standard deviation of an F1 that is assumed; more than this does not tell two short trainings apart."""
Arm = tuple[Operator, str]


def payoffs(proposals: Mapping[tuple[int, int], Proposal], ranking: Ranking, confidence: float) -> tuple[Payoff, ...]:
    """One Payoff for each operator and model that was asked, in the order of their first ask.

    proposals: by round and attempt. A repair belongs to the ask that it mends: its cost is added there, and what it mended
    counts there. Raises ValueError when the baseline has no score.
    """
    rows = {row.id: row for row in ranking.rows if row.f1 is not None}
    if BASELINE not in rows:
        raise ValueError("the baseline has no score to hold candidates against")
    best = _best_before(rows, max((round for round, _ in proposals), default=0))
    arm_of: dict[str, Arm] = {}
    asks: dict[Arm, int] = {}
    credit: dict[Arm, float] = {}
    usage: dict[Arm, Usage] = {}
    for (round, attempt), proposal in sorted(proposals.items()):
        for played in proposal.played:
            arm: Arm = (played.ask.operator, played.ask.model)
            if attempt and played.ask.parents:
                arm = arm_of.get(played.ask.parents[0], arm)
            asks[arm] = asks.get(arm, 0) + (attempt == 0)
            usage[arm] = usage.get(arm, Usage()) + played.usage
            credit.setdefault(arm, 0.0)
            for id in played.candidates:
                arm_of[id] = arm
                if id in rows:
                    credit[arm] += improvement(rows[id], best[round], confidence)
    return tuple(
        Payoff(operator=arm[0], model=arm[1], asks=asks[arm], credit=credit[arm], usage=usage[arm]) for arm in asks
    )


def improvement(row: RankedRow, best: float, confidence: float) -> float:
    """The expected improvement of a screened candidate over `best`, in standard deviations of its score.

    z Phi(z) + phi(z) with z = (F1 - best) / sd (Jones, Schonlau, Welch 1998, eq. 15): near nothing well below the best, 0.4
    level with it, z well above. It spares a score within the noise from counting as all or nothing.
    """
    assert row.f1 is not None and row.f1_ci is not None
    width = norm.ppf((1 + confidence) / 2)
    noise = max(LEAST_NOISE, (row.f1_ci[1] - row.f1_ci[0]) / 2 / width)
    z = (row.f1 - best) / noise
    return float(z * norm.cdf(z) + norm.pdf(z))


def _best_before(rows: Mapping[str, RankedRow], rounds: int) -> dict[int, float]:
    """The best score that was known when a round began: the baseline's, or an earlier round's candidate's."""
    first = rows[BASELINE].f1
    assert first is not None
    out = {}
    for round in range(1, rounds + 1):
        out[round] = max([first, *(row.f1 or 0.0 for row in rows.values() if 0 < row.round < round)])
    return out
