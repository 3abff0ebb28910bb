"""Which operator each request of a round uses, with which model, on which parents; parents are drawn from the Pareto front over
questions.

The mix follows the config's shares, then what has paid off: an arm (operator x model) is drawn in proportion to its
configured share times the improvement that it has brought for its cost (probability matching, as in adaptive operator
selection: Thierens 2005), with a prior of a few requests and a floor that no arm falls below. What is drawn is journalled, so a
resumed run makes the same requests.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from rewardsearch.config import ProposeConfig
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.records import Candidate, Front, Operator, Request, curve_label
from rewardsearch.records.feedback import Evidence, Feedback, Payoff

MOVES: tuple[Operator, ...] = ("fresh", "mutate", "crossover", "simplify")
PRIOR_REQUESTS = 4.0
"""The prior of an arm, in average requests: its own results count as much after so many requests."""
FLOOR = 0.2
"""Of its configured share, what an arm keeps whatever it brings."""
Arm = tuple[Operator, str]
Models = Mapping[str, float]
"""Weights by model."""


def plan(request: ProposalRequest, config: ProposeConfig, models: Models) -> tuple[Request, ...]:
    """The requests of a proposal: a repair of each rejected reward, by the model that wrote it, else `count` requests."""
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
    """The model of a planned request: the planned one, or one of `models` in turn where the config no longer has it."""
    return planned.model if planned.model in models else sorted(models)[(planned.index - 1) % len(models)]


def request_for(operator: Operator, request: ProposalRequest, models: Models, rng: random.Random) -> Request:
    """A first request with one operator, with model and parents drawn as `plan` draws them."""
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
    """Improvement for its cost of each arm that was used: 1 is that of an average request, and of an arm that was never used."""
    return {
        (payoff.operator, payoff.model): (PRIOR_REQUESTS + payoff.improvement) / (PRIOR_REQUESTS + payoff.cost)
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


T = TypeVar("T")


def members_needed(operator: Operator) -> int:
    """How many members of the front a move works on."""
    return {"mutate": 1, "crossover": 2, "simplify": 1}.get(operator, 0)


def front_of(feedback: Feedback | None) -> list[Front]:
    """The members of the front, as the feedback has them."""
    return [each.front for each in feedback.evidence if each.front is not None] if feedback else []


def unrelated_pairs(feedback: Feedback) -> list[tuple[Front, Front]]:
    """The pairs of members of the front of which neither was made from the other, directly or not."""
    ancestors = {each.candidate.id: each.ancestors for each in feedback.parents}
    return [
        (a, b)
        for a, b in combinations(front_of(feedback), 2)
        if a.id not in ancestors.get(b.id, ()) and b.id not in ancestors.get(a.id, ())
    ]


class Parents:
    """Draws the parents of one round's moves; each draw makes the next of the same parent less likely."""

    def __init__(self, feedback: Feedback | None, rng: random.Random) -> None:
        self._rng = rng
        self._front = front_of(feedback)
        self._evidence = {each.candidate.id: each for each in feedback.evidence} if feedback else {}
        self._pairs = (unrelated_pairs(feedback) if feedback else []) or list(combinations(self._front, 2))
        self._used: dict[str, int] = {}
        self._simplified: set[str] = set()

    def draw(self, operator: Operator) -> tuple[str, ...]:
        """The ids of a move's parents; there must be as many members of the front as it needs."""
        if operator == "fresh":
            return ()
        drawn: tuple[str, ...]
        if operator == "crossover":
            drawn = self._pair()
        else:
            drawn = (self._one(self._simplifiable() if operator == "simplify" else self._front),)
        if operator == "simplify":
            self._simplified.update(drawn)
        for id in drawn:
            self._used[id] = self._used.get(id, 0) + 1
        return drawn

    def _one(self, members: Sequence[Front]) -> str:
        """One member, by its share of the contested questions."""
        return drawn_by({member.id: member.share * self._unused(member.id) for member in members}, self._rng)

    def _simplifiable(self) -> list[Front]:
        """Members from which something can be taken away, and was not yet; where there is none, those where it was."""
        several = [member for member in self._front if _components(self._evidence[member.id]) > 1] or self._front
        untried = [m for m in several if m.id not in self._simplified and not self._evidence[m.id].simplified]
        return untried or [m for m in several if m.id not in self._simplified] or list(several)

    def _pair(self) -> tuple[str, str]:
        """Two members by how far the questions that either answers right go beyond those of the best member, since it is the
        best that a child has to beat; where no two go beyond, by what they would gain over the better of them.

        A reward and what it was made from differ in a change or two: they are a pair only where there is no other.
        """
        best = max(member.right for member in self._front)
        beyond = [max(0, a.right + b.only.get(a.id, 0) - best) for a, b in self._pairs]
        if not any(beyond):
            beyond = [min(a.only.get(b.id, 0), b.only.get(a.id, 0)) for a, b in self._pairs]
        weights = {
            (a.id, b.id): gain * self._unused(a.id) * self._unused(b.id)
            for (a, b), gain in zip(self._pairs, beyond, strict=True)
        }
        return drawn_by(weights, self._rng)

    def _unused(self, id: str) -> float:
        return 1 / (1 + self._used.get(id, 0))


def drawn_by(weights: Mapping[T, float], rng: random.Random) -> T:
    """One of the keys in proportion to its weight; any of them where no weight is above 0."""
    keys = list(weights)
    if sum(weights.values()) <= 0:
        return rng.choice(keys)
    return rng.choices(keys, list(weights.values()))[0]


def _components(evidence: Evidence) -> int:
    label = f"{curve_label(evidence.candidate.name, evidence.candidate.id)}/"
    return sum(curve.name.startswith(label) for curve in evidence.training.curves) if evidence.training else 0
