"""What the feedback says about kinds of component and about parents, as weights to draw with."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rewardsearch.propose.grammar.catalogue import NUMERIC, Catalogue
from rewardsearch.propose.grammar.genome import Genome, read_genome
from rewardsearch.records.feedback import Feedback, Parent

GAIN_SCALE = 0.05
"""The gain in F1 that makes a kind e times as likely; about the noise between seeds of a short run."""
LEAST, MOST = 0.05, 8.0


@dataclass(frozen=True)
class Known:
    """A parent whose genome can be read."""

    parent: Parent
    genome: Genome


@dataclass(frozen=True)
class Guide:
    """The parents with a genome, and the mean gain in F1 of each kind that one of them carries."""

    parents: tuple[Known, ...]
    gains: Mapping[str, float]
    catalogue: Catalogue = NUMERIC

    def weight(self, kind: str) -> float:
        """How likely a kind is drawn: 1 while untried, more where its carriers gained, less where they lost."""
        return _weight(self.gains.get(kind, 0.0))

    def draw_kind(self, rng: random.Random, kinds: Sequence[str]) -> str:
        return rng.choices(kinds, [self.weight(kind) for kind in kinds])[0]

    def draw_weakest(self, rng: random.Random, kinds: Sequence[str]) -> str:
        """A kind to part with: the likelier the more its carriers lost."""
        return rng.choices(kinds, [1 / self.weight(kind) for kind in kinds])[0]

    def draw_parent(self, rng: random.Random, without: Iterable[str] = ()) -> Known:
        """A parent, the likelier the more it gained. There must be one whose id is not in `without`."""
        ids = set(without)
        choice = [known for known in self.parents if known.parent.candidate.id not in ids]
        return rng.choices(choice, [_weight(known.parent.gain) for known in choice])[0]

    def related(self, known: Known) -> set[str]:
        """The ids of a parent itself, of what it was made from, and of what was made from it."""
        id = known.parent.candidate.id
        children = {each.parent.candidate.id for each in self.parents if id in each.parent.ancestors}
        return {id, *known.parent.ancestors, *children}

    def describe(self) -> str:
        """The guide in words, for prompt.md."""
        if not self.gains:
            return "No parents: every kind of component is as likely as the others."
        lines = [
            f"- {kind.name}: " + (f"mean gain {self.gains[kind.name]:+.3f}" if kind.name in self.gains else "untried")
            for kind in self.catalogue.kinds
        ]
        return "What the parents say of each kind of component:\n" + "\n".join(lines)


def guide_of(feedback: Feedback | None, catalogue: Catalogue = NUMERIC) -> Guide:
    """The guide that the feedback's parents make; parents without a readable genome of the catalogue are left out."""
    parents = []
    for parent in feedback.parents if feedback else ():
        genome = read_genome(parent.candidate.code)
        if genome is not None and genome.catalogue == catalogue:
            parents.append(Known(parent, genome))
    carried: dict[str, list[float]] = {}
    for known in parents:
        for kind in known.genome.kinds:
            carried.setdefault(kind, []).append(known.parent.gain)
    return Guide(tuple(parents), {kind: sum(gains) / len(gains) for kind, gains in carried.items()}, catalogue)


def _weight(gain: float) -> float:
    return min(MOST, max(LEAST, math.exp(max(-50.0, min(50.0, gain / GAIN_SCALE)))))
