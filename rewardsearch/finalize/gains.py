"""What an arm of the final table gains over another: the interval and p-value over training seeds and questions, and the verdict.

A gain is a claim about rewards: what training anew under one of them is expected to score above training anew under the other.
Its error has two parts, the questions (paired bootstrap) and the training seeds, each arm with the variance of its own. What
holds of the trained policies alone, given their seeds, is kept beside it under names that say so.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from rewardsearch.records import Conclusion, Interval
from rewardsearch.stats import Bootstrap, SeedNoise, Spread, spread

MOST_MORE_SEEDS = 20
"""The most further seeds an arm that a verdict recommends."""
Metric = Literal["F1", "macro F1"]
Reading = tuple[str, int]
"""An arm and the seed that it was trained with."""


@dataclass(frozen=True)
class Gain:
    """One arm's score less another's on the same questions.

    seeds: how many the arm was trained with. question_se and questions_ci: its standard error and its interval from the questions
    alone. noises: the noise between the seeds of each arm that is trained; None where one of them has a single seed, and nothing
    can be said of rewards.
    """

    arm: str
    against: str
    value: float
    seeds: int
    question_se: float
    questions_ci: Interval
    noises: tuple[SeedNoise, ...] | None
    confidence: float

    def spread(self, more: int = 0) -> Spread | None:
        """Over seeds and questions; None where the noise between seeds is not known. more: as if each trained arm had so many
        seeds more, with noise of the same size."""
        if self.noises is None:
            return None
        variance, parts = self.question_se**2, []
        for noise in self.noises:
            seeds = noise.df + 1
            variance -= noise.luck**2 * (1 / seeds - 1 / (seeds + more))
            parts.append((noise.model_copy(update={"df": noise.df + more}), 1 / (seeds + more)))
        return spread(math.sqrt(max(0.0, variance)), parts)

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
        luck = sum(noise.luck**2 / (noise.df + 1) for noise in self.noises or ())
        questions = spread(math.sqrt(max(0.0, self.question_se**2 - luck)))
        return abs(self.value) <= questions.half_width(self.confidence)

    def more_seeds(self) -> int | None:
        """The fewest further seeds an arm with which the interval would leave out 0, were gain and noise to stay as they are;
        None where up to MOST_MORE_SEEDS are too few, or the noise is not known."""
        for more in range(1, MOST_MORE_SEEDS + 1):
            known = self.spread(more)
            if known is not None and abs(self.value) > known.half_width(self.confidence):
                return more
        return None


def gain_of(
    bootstrap: Bootstrap[Reading],
    arm: Sequence[Reading],
    against: Sequence[Reading],
    *,
    untrained: Collection[str] = (),
    macro: bool = False,
) -> Gain:
    """The gain of an arm over another in F1, or with `macro` in macro F1.

    arm, against: the readings of each, as `bootstrap` knows them, one a seed. untrained: the arms that no seed moves, such as the
    policy before training. Raises ValueError for macro F1 of a task without classes.
    """
    sample = bootstrap.sample(*arm) - bootstrap.sample(*against)
    found = sample.macro_f1_estimate if macro else None
    if macro and found is None:
        raise ValueError("no macro F1 without classes")
    noises = [bootstrap.seed_noise(*of, macro=macro) for of in (arm, against) if of[0][0] not in untrained]
    known = tuple(noise for noise in noises if noise is not None)
    return Gain(
        arm=arm[0][0],
        against=against[0][0],
        value=found.value if found else sample.f1,
        seeds=len(arm),
        question_se=sample.macro_standard_error if macro else sample.standard_error,
        questions_ci=found.ci if found else sample.estimate.f1_ci,
        noises=known if len(known) == len(noises) else None,
        confidence=sample.confidence,
    )


def expected_ci(
    bootstrap: Bootstrap[Reading], arm: Sequence[Reading], *, untrained: Collection[str] = (), macro: bool = False
) -> Interval | None:
    """The interval of the score that training an arm anew is expected to give, over questions and seeds; None for one seed. The
    arguments are those of `gain_of`. Raises ValueError for macro F1 of a task without classes."""
    sample, noise = bootstrap.sample(*arm), bootstrap.seed_noise(*arm, macro=macro)
    if noise is None and arm[0][0] not in untrained:
        return None
    score = sample.macro_f1 if macro else sample.f1
    if score is None:
        raise ValueError("no macro F1 without classes")
    question_se = sample.macro_standard_error if macro else sample.standard_error
    half = spread(question_se, [(noise, 1 / len(arm))] if noise else ()).half_width(sample.confidence)
    return max(0.0, score - half), min(1.0, score + half)


def conclude(gain: Gain, metric: Metric, questions: int, names: tuple[str, str], paper: bool = False) -> Conclusion:
    """The verdict on a gain, with its sentence. names: what the two arms are called; paper: chosen on the test itself."""
    ci, p = gain.ci, gain.p
    verdict: Literal["better", "not established", "worse"] = "not established"
    if ci is not None and not ci[0] <= 0 <= ci[1]:
        verdict = "better" if gain.value > 0 else "worse"
    more = gain.more_seeds() if verdict == "not established" else None
    arm, against = names
    shown = f" [{ci[0]:+.3f}, {ci[1]:+.3f}]" if ci else ""
    chance = f", p {'<0.001' if p < 0.001 else f'{p:.3f}'}" if p is not None else ""
    over = f"over {gain.seeds} seed{'s' if gain.seeds > 1 else ''} an arm and {questions:,} questions"
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
        gain_questions_ci=gain.questions_ci,
        p=p,
        seeds=gain.seeds,
        questions=questions,
        more_seeds=more,
        sentence=f"{verdict}: {said}",
    )


def _settled(gain: Gain, more: int | None, paper: bool) -> str:
    """What would settle a gain that is not established."""
    if gain.ci is None:
        low, high = gain.questions_ci
        remedy = "paper_protocol: false and finalize.seeds: 5" if paper else "finalize.seeds: 5"
        return (
            f"[{low:+.3f}, {high:+.3f}] over the questions alone, which is about these trained policies; one seed an arm says "
            f"nothing about the rewards: train with more ({remedy})"
        )
    if more is not None:
        setting = "" if paper else f" (finalize.seeds: {gain.seeds + more})"
        return (
            f"{more} more seed{'s' if more > 1 else ''} an arm{setting} would have about an even chance to settle it if gain and "
            "noise stay the same"
        )
    if gain.within_questions():
        return "more seeds would not settle it, since the gain is within the noise of the questions"
    return f"more than {MOST_MORE_SEEDS} more seeds an arm would be needed to settle it"
