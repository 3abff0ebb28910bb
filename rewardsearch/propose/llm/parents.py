"""Which rewards a move works on, drawn from the Pareto front over questions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from rewardsearch.records import Front, Operator, curve_label
from rewardsearch.records.feedback import Evidence, Feedback

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
