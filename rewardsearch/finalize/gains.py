"""What an arm of the final table gains over another: the interval and p-value over training seeds and questions, and the verdict.

A gain is a claim about rewards: what training anew under one of them is expected to score above training anew under the other.
Its error has two parts, the questions (paired bootstrap) and the training seeds. What holds of the trained policies alone, given
their seeds, is kept beside it under names that say so.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rewardsearch.records import Conclusion, Interval
from rewardsearch.stats import SeedNoise, Spread, noise_of_two, seed_noise, spread

MOST_MORE_SEEDS = 20
"""The most further seeds an arm that a verdict recommends."""
Metric = Literal["F1", "macro F1"]


@dataclass(frozen=True)
class ArmNoise:
    """The noise between training seeds of every arm, in one metric.

    by_arm: an arm's scores on the test, one a seed; without the arms that nothing is trained for. pooled: the arms that are
    taken to have one noise together; each other arm has its own. seeds: how many each arm is trained with. searched: the noise
    that the search measured, which stands for all where an arm has one seed.
    """

    by_arm: Mapping[str, Sequence[float]]
    pooled: frozenset[str]
    seeds: int
    searched: SeedNoise | None = None

    @cached_property
    def own(self) -> SeedNoise | None:
        """Pooled over the final arms; None where they have one seed."""
        return self._of(self.pooled)

    @property
    def shared(self) -> SeedNoise | None:
        return self.own or self.searched

    def parts(self, *arms: str, more: int = 0) -> list[tuple[SeedNoise, float]] | None:
        """The parts of `spread` that these arms' means over the seeds have; None where the noise of one is not known.

        Two pooled arms have the pooled noise, or their own where that is clearly larger (noise_of_two). more: as if each arm had
        so many seeds more, with a noise of the same size.
        """
        trained = [arm for arm in arms if arm in self.by_arm]
        together = [arm for arm in trained if arm in self.pooled or self.own is None]
        noises = [(self._together(together), len(together))] if together else []
        noises += [(self._of((arm,)), 1) for arm in trained if arm not in together]
        seeds = self.seeds + more
        found = []
        for noise, count in noises:
            if noise is None:
                return None
            of = noise.arms if self.own else max(1, len(self.pooled & self.by_arm.keys()))
            known = noise.model_copy(update={"df": of * (seeds - 1)}) if more else noise
            found.append((known, count / seeds))
        return found

    def _together(self, arms: Sequence[str]) -> SeedNoise | None:
        if self.own is None or len(arms) < 2:
            return self.shared
        return noise_of_two(self.own, self._of(arms))

    def _of(self, arms: Sequence[str] | frozenset[str]) -> SeedNoise | None:
        scores: dict[Hashable, Sequence[float]] = {arm: self.by_arm[arm] for arm in arms if arm in self.by_arm}
        return seed_noise(scores)


@dataclass(frozen=True)
class Gain:
    """One arm's score less another's on the same questions. question_se: its standard error from the questions alone."""

    arm: str
    against: str
    value: float
    question_se: float
    noise: ArmNoise
    confidence: float

    def spread(self, more: int = 0) -> Spread | None:
        """Over seeds and questions; None where the noise between seeds is not known."""
        parts = self.noise.parts(self.arm, self.against, more=more)
        return None if parts is None else spread(self.question_se, parts)

    @property
    def ci(self) -> Interval | None:
        known = self.spread()
        if known is None:
            return None
        half = known.half_width(self.confidence)
        return self.value - half, self.value + half

    @property
    def p(self) -> float | None:
        known = self.spread()
        return None if known is None else known.p(self.value)

    def within_questions(self) -> bool:
        """Whether the questions alone, with endless seeds, would leave the gain in doubt."""
        return abs(self.value) <= Spread(self.question_se, math.inf).half_width(self.confidence)

    def more_seeds(self) -> int | None:
        """The fewest further seeds an arm with which the interval would leave out 0, were gain and noise to stay as they are;
        None where up to MOST_MORE_SEEDS are too few, or the noise is not known."""
        for more in range(1, MOST_MORE_SEEDS + 1):
            known = self.spread(more)
            if known is not None and abs(self.value) > known.half_width(self.confidence):
                return more
        return None


def conclude(gain: Gain, metric: Metric, questions: int, names: tuple[str, str], paper: bool = False) -> Conclusion:
    """The verdict on a gain, with its sentence. names: what the two arms are called; paper: chosen on the test itself."""
    ci, p, seeds = gain.ci, gain.p, gain.noise.seeds
    verdict: Literal["better", "not established", "worse"] = "not established"
    if ci is not None and not ci[0] <= 0 <= ci[1]:
        verdict = "better" if gain.value > 0 else "worse"
    more = gain.more_seeds() if verdict == "not established" else None
    arm, against = names
    shown = f" [{ci[0]:+.3f}, {ci[1]:+.3f}]" if ci else ""
    chance = f", p {'<0.001' if p < 0.001 else f'{p:.3f}'}" if p is not None else ""
    over = f"over {seeds} seed{'s' if seeds > 1 else ''} an arm and {questions:,} questions"
    said = f"{arm} scores {metric} {gain.value:+.3f}{shown} against {against}{chance}, {over}"
    if paper:
        said += ", picked on these questions and so inflated"
    if verdict == "not established":
        said += f"; {_settled(gain, more, paper)}"
    return Conclusion(
        arm=gain.arm,
        against=gain.against,
        metric=metric,
        verdict=verdict,
        gain=gain.value,
        gain_ci=ci,
        p=p,
        seeds=seeds,
        questions=questions,
        more_seeds=more,
        sentence=f"{verdict}: {said}",
    )


def _settled(gain: Gain, more: int | None, paper: bool) -> str:
    """What would settle a gain that is not established."""
    seeds = gain.noise.seeds
    if gain.ci is None:
        remedy = "paper_protocol: false and finalize.seeds: 3" if paper else "finalize.seeds: 3"
        return f"one seed an arm does not show the noise between seeds, so train with more ({remedy})"
    if more is not None:
        setting = "" if paper else f" (finalize.seeds: {seeds + more})"
        return (
            f"{more} more seed{'s' if more > 1 else ''} an arm{setting} would settle it if gain and noise stay the same"
        )
    if gain.within_questions():
        return "more seeds would not settle it, since the gain is within the noise of the questions"
    return f"more than {MOST_MORE_SEEDS} more seeds an arm would be needed to settle it"
