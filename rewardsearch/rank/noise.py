"""Scores and differences of the leaderboard's arms by what is known of their noise: that of the questions, and that of the
training seeds.

A candidate is screened with one seed, so the noise between the baseline's seeds is assumed of every trained arm. Where a reward
is noisier than the baseline its p-values are too small (docs/ranking.md). Without that noise nothing is said of rewards: no
interval over seeds, no p-value, no ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean

from rewardsearch.config import RankConfig
from rewardsearch.records import BASELINE, POLICY, Interval, Noise, Outcome, TrainingResult
from rewardsearch.stats import Bootstrap, Sample, Spread, f1_accuracy, spread

Reading = tuple[str, int]
"""An arm and its place among the trainings of that arm."""


class Scores:
    """The arms on the same questions. The baseline's score is the mean over the seeds that it was trained with.

    results: whole screens by arm, of the search's seed. baselines: those of the baseline, one a seed; where there are none its
    screen in `results` stands alone. Raises ValueError when the arms answered different questions.
    """

    def __init__(
        self, results: Mapping[str, TrainingResult], baselines: Sequence[TrainingResult], config: RankConfig, seed: int
    ) -> None:
        self._config = config
        self._trainings: dict[str, Sequence[TrainingResult]] = {arm: [result] for arm, result in results.items()}
        if BASELINE in results and baselines:
            self._trainings[BASELINE] = baselines
        of_baseline = self._trainings.get(BASELINE, ())
        self.f1_by_seed = {each.seed: f1_accuracy(each.outcomes).f1 for each in of_baseline}
        outcomes: dict[Reading, Sequence[Outcome]] = {
            (arm, place): each.outcomes
            for arm, trainings in self._trainings.items()
            for place, each in enumerate(trainings)
        }
        self.bootstrap = Bootstrap(outcomes, resamples=config.resamples, seed=seed, confidence=config.confidence)
        self.noise = self.bootstrap.seed_noise(*self.readings(BASELINE)) if of_baseline else None
        self.sample = cache(self._sample)

    def readings(self, arm: str) -> list[Reading]:
        """What an arm's score is the mean of, as `bootstrap` knows it."""
        return [(arm, place) for place in range(len(self._trainings[arm]))]

    def outcomes(self, arm: str) -> Sequence[Outcome]:
        """Those of an arm's first training."""
        return self._trainings[arm][0].outcomes

    def parse_rate(self, arm: str) -> float:
        """The share of an arm's answers that could be parsed, the mean over its trainings."""
        return fmean(f1_accuracy(each.outcomes).parse_rate for each in self._trainings[arm])

    def training_accuracy(self, arm: str) -> float | None:
        """Exact match over the steps of an arm's training, the mean over its trainings; None for what was not trained."""
        curves = [each.curves for each in self._trainings[arm] if each.curves]
        return fmean(fmean(point.exact_match for point in curve) for curve in curves) if curves else None

    def _sample(self, arm: str) -> Sample:
        return self.bootstrap.sample(*self.readings(arm))

    def gap(self, a: str, b: str) -> Sample:
        """The scores of `a` less those of `b` over the same questions."""
        return self.sample(a) - self.sample(b)

    def _spread(self, a: str, b: str) -> Spread | None:
        """How far their difference moves with questions and seeds; None where nothing is known of the seeds."""
        if self.noise is None:
            return None
        # What was not trained has no noise between seeds, as little as a mean over endless seeds.
        share = sum(0.0 if arm == POLICY else 1 / len(self._trainings[arm]) for arm in (a, b))
        return spread(self.gap(a, b).standard_error, [(self.noise, share)])

    def gap_ci(self, a: str, b: str) -> Interval | None:
        """The interval of that difference between rewards, over questions and seeds; None where nothing is known of the seeds."""
        found, gap = self._spread(a, b), self.gap(a, b).f1
        if found is None:
            return None
        half = found.half_width(self._config.confidence)
        return gap - half, gap + half

    def p(self, a: str, b: str) -> float | None:
        """The p-value of that interval, against no difference."""
        found = self._spread(a, b)
        return None if found is None else found.p(self.gap(a, b).f1)

    def differs(self, a: str, b: str) -> bool:
        """Whether a difference between rewards is beyond the noise of questions and seeds."""
        p = self.p(a, b)
        return p is not None and p < 1 - self._config.confidence

    def told_noise(self) -> Noise | None:
        """What the leaderboard shows of the noise; None where the baseline has no two seeds."""
        if self.noise is None:
            return None
        return Noise(
            f1_by_seed=self.f1_by_seed,
            seed_sd=self.noise.sd,
            df=self.noise.df,
            question_sd=self.bootstrap.standard_error(self.readings(BASELINE)[0]),
        )


def tied_ranks(ranked: Sequence[str], scores: Scores) -> dict[str, tuple[int, ...]]:
    """The ranks of the trained arms, its own among them, that each trained arm cannot be told from: those with a p-value of
    1 - confidence or more. Empty where nothing is known of the seeds.

    ranked: all arms, best first. The policy before GRPO was not trained on any reward: it has no ties.
    """
    if scores.noise is None:
        return {}
    places = {arm: place for place, arm in enumerate(ranked, start=1) if arm != POLICY}
    return {
        arm: tuple(place for other, place in places.items() if other == arm or not scores.differs(arm, other))
        for arm in places
    }
