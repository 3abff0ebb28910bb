"""Which move each request of a round makes, with which model, on which parents.

The mix follows the config's shares, then what has paid off: an arm (operator x model) is drawn in proportion to its
configured share times the improvement that it has brought for its cost (probability matching, as in adaptive operator
selection: Thierens 2005), with a prior of a few asks and a floor that no arm falls below. What is drawn is journalled, so a
resumed run asks the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rewardsearch.config import ProposeConfig
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.propose.llm.parents import Parents, drawn_by, front_of, unrelated_pairs
from rewardsearch.records import Candidate, Operator, Request
from rewardsearch.records.feedback import Feedback, Payoff

MOVES: tuple[Operator, ...] = ("fresh", "mutate", "crossover", "simplify")
PRIOR_ASKS = 4.0
"""How many average asks an arm is credited with before its own: so many asks of its own count as much."""
FLOOR = 0.2
"""Of its configured share, what an arm keeps whatever it brings."""
Arm = tuple[Operator, str]
Models = Mapping[str, float]
"""Weights by model."""


def plan(request: ProposalRequest, config: ProposeConfig, models: Models) -> tuple[Request, ...]:
    """The asks of a request: a repair of each rejected reward, by the model that wrote it, else `count` moves."""
    rng = random.Random(f"plan {request.seed} {request.round} {request.attempt}")
    if request.repairs:
        writers = [_writer(candidate, models, rng) for candidate, _ in request.repairs]
        return tuple(
            Request(index=place, operator="repair", model=model, parents=(candidate.id,))
            for place, ((candidate, _), model) in enumerate(zip(request.repairs, writers, strict=True), start=1)
        )
    feedback = request.feedback
    drawn = draw(shares(config, models, feedback), request.count, rng)
    parents = Parents(feedback, rng)
    return tuple(
        Request(index=place, operator=operator, model=model, parents=parents.draw(operator))
        for place, (operator, model) in enumerate(drawn, start=1)
    )


def model_of(planned: Request, models: Sequence[str]) -> str:
    """The model that makes an ask: the planned one, or one of `models` in turn where the config no longer has it."""
    return planned.model if planned.model in models else sorted(models)[(planned.index - 1) % len(models)]


def request_for(operator: Operator, request: ProposalRequest, models: Models, rng: random.Random) -> Request:
    """A first ask for one move, with model and parents drawn as `plan` draws them."""
    parents = Parents(request.feedback, rng).draw(operator)
    return Request(index=1, operator=operator, model=drawn_by(models, rng), parents=parents)


def shares(config: ProposeConfig, models: Models, feedback: Feedback | None) -> dict[Arm, float]:
    """Each arm's share of the next round's requests; they sum to 1. Arms that the round does not allow are left out."""
    moves = _allowed(config, feedback)
    configured = _normal({(move, name): share * models[name] for move, share in moves.items() for name in models})
    if not config.adapt or feedback is None:
        return configured
    rates = payoff_rates(feedback.payoffs)
    earned = _normal({arm: share * rates.get(arm, 1.0) for arm, share in configured.items()})
    return {arm: FLOOR * configured[arm] + (1 - FLOOR) * earned[arm] for arm in configured}


def payoff_rates(payoffs: Sequence[Payoff]) -> dict[Arm, float]:
    """Improvement for its cost of each arm that was asked: 1 is an average ask's, and that of an arm never asked."""
    return {
        (payoff.operator, payoff.model): (PRIOR_ASKS + payoff.improvement) / (PRIOR_ASKS + payoff.cost)
        for payoff in payoffs
    }


def draw(shares: Mapping[Arm, float], count: int, rng: random.Random) -> list[Arm]:
    """`count` arms by their shares, in an order drawn as well.

    Systematic sampling: an arm of share p is drawn count * p times, rounded up or down, so small rounds keep the mix.
    """
    arms = sorted(shares)
    start = rng.random()
    drawn: list[Arm] = []
    passed = 0.0
    for arm in arms:
        passed += shares[arm] * count
        while len(drawn) < count and start + len(drawn) < passed:
            drawn.append(arm)
    # What the rounding of sums left at the end.
    drawn.extend(arms[-1:] * (count - len(drawn)))
    rng.shuffle(drawn)
    return drawn


def _allowed(config: ProposeConfig, feedback: Feedback | None) -> dict[Operator, float]:
    """The moves that the round allows, with their shares. Without parents every request is fresh, whatever its share."""
    if feedback is None or not front_of(feedback):
        return {"fresh": 1.0}
    possible = {
        "fresh": True,
        "mutate": True,
        "crossover": bool(unrelated_pairs(feedback)),
        "simplify": feedback.rounds_without_improvement >= config.simplify_after,
    }
    return {move: share for move in MOVES if possible[move] and (share := getattr(config.mix, move)) > 0}


def _writer(candidate: Candidate, models: Models, rng: random.Random) -> str:
    return candidate.model if candidate.model in models else drawn_by(models, rng)


def _normal(weights: Mapping[Arm, float]) -> dict[Arm, float]:
    whole = sum(weights.values())
    return {arm: weight / whole for arm, weight in weights.items()}
