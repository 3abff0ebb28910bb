"""The gain of one arm of the final table over another: interval and p-value over training seeds and questions, and the verdict.

A gain is a claim about rewards: how much more a new training with one reward is expected to score than a new training with the
other. Its error has two parts: the questions (paired bootstrap) and the training seeds, where each arm has its own variance.
Intervals that are about the trained policies alone, given their seeds, have `questions` in their name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from rewardsearch.records import Conclusion, Interval
from rewardsearch.stats import Bootstrap, Metric, SeedNoise, Spread, projected_spread, spread

MAX_MORE_SEEDS = 20
"""The most additional seeds per arm that a verdict recommends."""
NAMES: dict[Metric, Literal["F1", "macro F1"]] = {"f1": "F1", "macro_f1": "macro F1"}
ArmSeed = tuple[str, int]
"""An arm and the seed that it was trained with."""


@dataclass(frozen=True)
class Gain:
    """One arm's score less another's on the same questions.

    seeds: of the arm. question_se and questions_ci: standard error and interval from the questions alone. noises: the noise
    between the seeds of each arm that is trained; None where one of them has a single seed, so that nothing is known about the
    rewards.
    """

    arm: str
    against: str
    value: float
    seeds: int
    question_se: float
    questions_ci: Interval
    noises: tuple[SeedNoise, ...] | None
    confidence: float

    def spread(self, more_seeds: float = 0) -> Spread | None:
        """Over seeds and questions; None where the noise between seeds is not known. more_seeds: as if each trained arm had so
        many more seeds (math.inf: endless ones), with noise of the same size."""
        return None if self.noises is None else projected_spread(self.question_se, self.noises, more_seeds)

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

    def is_significant(self, more_seeds: float = 0) -> bool:
        """Whether the interval excludes 0, with so many more seeds per arm and the same gain and noise."""
        known = self.spread(more_seeds)
        return known is not None and abs(self.value) > known.half_width(self.confidence)

    def more_seeds(self) -> int | None:
        """The fewest additional seeds per arm with which the interval would exclude 0 if gain and noise stayed the same; None
        where more than MAX_MORE_SEEDS are needed, or the noise is not known."""
        return next((more for more in range(1, MAX_MORE_SEEDS + 1) if self.is_significant(more)), None)


def gain_of(
    bootstrap: Bootstrap[ArmSeed],
    arm: Sequence[ArmSeed],
    against: Sequence[ArmSeed],
    *,
    untrained: Collection[str] = (),
    metric: Metric = "f1",
) -> Gain:
    """The gain of an arm over another.

    arm, against: each arm with its seeds, as in `bootstrap`. untrained: the arms without seeds, such as the policy before
    training. Raises ValueError for macro F1 of a task without classes.
    """
    sample = bootstrap.sample(*arm) - bootstrap.sample(*against)
    score = sample.score(metric)
    noises = [bootstrap.seed_noise(*of, metric=metric) for of in (arm, against) if of[0][0] not in untrained]
    known = tuple(noise for noise in noises if noise is not None)
    return Gain(
        arm=arm[0][0],
        against=against[0][0],
        value=score.value,
        seeds=len(arm),
        question_se=sample.standard_error(metric),
        questions_ci=score.ci,
        noises=known if len(known) == len(noises) else None,
        confidence=sample.confidence,
    )


def expected_ci(
    bootstrap: Bootstrap[ArmSeed],
    arm: Sequence[ArmSeed],
    *,
    untrained: Collection[str] = (),
    metric: Metric = "f1",
) -> Interval | None:
    """The interval of the score expected from a new training of an arm, over questions and seeds; None for one seed.

    The arguments are those of `gain_of`. Raises ValueError for macro F1 of a task without classes.
    """
    sample, noise = bootstrap.sample(*arm), bootstrap.seed_noise(*arm, metric=metric)
    if noise is None and arm[0][0] not in untrained:
        return None
    found = spread(sample.standard_error(metric), [(noise, 1 / len(arm))] if noise else ())
    score, half = sample.observed[metric], found.half_width(sample.confidence)
    return max(0.0, score - half), min(1.0, score + half)


def conclude(gain: Gain, metric: Metric, questions: int, names: tuple[str, str], paper: bool = False) -> Conclusion:
    """The verdict on a gain, with its sentence. names: of the two arms; paper: the arm was chosen on the test itself."""
    ci, p = gain.ci, gain.p
    verdict: Literal["better", "not established", "worse"] = "not established"
    if ci is not None and not ci[0] <= 0 <= ci[1]:
        verdict = "better" if gain.value > 0 else "worse"
    more = gain.more_seeds() if verdict == "not established" else None
    arm, against = names
    interval = f" [{ci[0]:+.3f}, {ci[1]:+.3f}]" if ci else ""
    chance = "" if p is None else ", p <0.001" if p < 0.001 else f", p {p:.3f}"
    sentence = (
        f"{verdict}: {arm} scores {NAMES[metric]} {gain.value:+.3f}{interval} against {against}{chance} "
        f"({gain.seeds} seed{'s' if gain.seeds > 1 else ''} per arm, {questions:,} questions)"
    )
    if paper:
        sentence += ". It was chosen on these questions, which inflates its score"
    if verdict == "not established":
        sentence += f". {_remedy(gain, more, paper)}"
    return Conclusion(
        arm=gain.arm,
        against=gain.against,
        metric=NAMES[metric],
        verdict=verdict,
        gain=gain.value,
        gain_ci=ci,
        gain_questions_ci=gain.questions_ci,
        p=p,
        seeds=gain.seeds,
        questions=questions,
        more_seeds=more,
        sentence=sentence,
    )


def _remedy(gain: Gain, more: int | None, paper: bool) -> str:
    """What would decide a gain that is not established."""
    if gain.ci is None:
        low, high = gain.questions_ci
        remedy = "paper_protocol: false and finalize.seeds: 5" if paper else "finalize.seeds: 5"
        return (
            f"The interval over questions alone is [{low:+.3f}, {high:+.3f}]; it is about these trained policies. "
            f"One seed per arm says nothing about the rewards: train with more seeds ({remedy})"
        )
    if more is not None:
        setting = "" if paper else f" (finalize.seeds: {gain.seeds + more})"
        return (
            f"If gain and noise stay the same, {more} more seed{'s' if more > 1 else ''} per arm{setting} would decide it with "
            "a probability of about one half"
        )
    if not gain.is_significant(math.inf):
        return "More seeds would not decide it: the gain is within the noise of the questions"
    return f"More than {MAX_MORE_SEEDS} more seeds per arm would be needed to decide it"
