"""Scores and differences of the arms on the leaderboard, with the noise from the questions and from the training seeds.

A candidate is trained with one seed, so every trained arm is assumed to have the noise between the baseline's seeds. If a reward
is noisier than that, its p-values are too small (docs/ranking.md). Without that noise nothing is claimed about rewards: no
interval over seeds, no p-value, no ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean

from rewardsearch.config import RankConfig
from rewardsearch.records import BASELINE, POLICY, Interval, Noise, Outcome, TrainingResult
from rewardsearch.stats import Bootstrap, Sample, Spread, f1_accuracy, spread

TrainedArm = tuple[str, int]
"""An arm, and the index of one of its trainings."""


class Scores:
    """The arms on the same questions. The baseline's score is the mean over the seeds that it was trained with.

    results: full trainings by arm, with the search's seed. baselines: those of the baseline, one per seed; without them its
    training in `results` is used. Raises ValueError when the arms answered different questions.
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
        outcomes: dict[TrainedArm, Sequence[Outcome]] = {
            (arm, index): each.outcomes
            for arm, trainings in self._trainings.items()
            for index, each in enumerate(trainings)
        }
        self.bootstrap = Bootstrap(outcomes, resamples=config.resamples, seed=seed, confidence=config.confidence)
        self._seed_noise = self.bootstrap.seed_noise(*self.trained(BASELINE)) if of_baseline else None
        self.sample = cache(self._sample)

    def trained(self, arm: str) -> list[TrainedArm]:
        """The keys of an arm's trainings in `bootstrap`. Its score is their mean."""
        return [(arm, index) for index in range(len(self._trainings[arm]))]

    def outcomes(self, arm: str) -> Sequence[Outcome]:
        """Those of an arm's first training."""
        return self._trainings[arm][0].outcomes

    def parse_rate(self, arm: str) -> float:
        """The share of an arm's completions that could be parsed, the mean over its trainings."""
        return fmean(f1_accuracy(each.outcomes).parse_rate for each in self._trainings[arm])

    def training_accuracy(self, arm: str) -> float | None:
        """Exact match over the steps of an arm's training, the mean over its trainings; None for an arm that is not trained."""
        curves = [each.curves for each in self._trainings[arm] if each.curves]
        return fmean(fmean(point.exact_match for point in curve) for curve in curves) if curves else None

    def _sample(self, arm: str) -> Sample:
        return self.bootstrap.sample(*self.trained(arm))

    def gap(self, a: str, b: str) -> Sample:
        """The scores of `a` less those of `b` over the same questions."""
        return self.sample(a) - self.sample(b)

    def _spread(self, a: str, b: str) -> Spread | None:
        """How far their difference varies with questions and seeds; None where the noise between seeds is not known."""
        if self._seed_noise is None:
            return None
        # An untrained arm has no noise between seeds.
        share = sum(0.0 if arm == POLICY else 1 / len(self._trainings[arm]) for arm in (a, b))
        return spread(self.gap(a, b).standard_error(), [(self._seed_noise, share)])

    def gap_ci(self, a: str, b: str) -> Interval | None:
        """The interval of that difference between rewards, over questions and seeds; None where that noise is not known."""
        found, gap = self._spread(a, b), self.gap(a, b).f1
        if found is None:
            return None
        half = found.half_width(self._config.confidence)
        return gap - half, gap + half

    def p(self, a: str, b: str) -> float | None:
        """The p-value of that difference, against no difference."""
        found = self._spread(a, b)
        return None if found is None else found.p(self.gap(a, b).f1)

    def tied_ranks(self, ranked: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """For each trained arm the ranks of the trained arms, its own among them, that do not differ from it significantly: with
        a p-value of 1 - confidence or more. Empty where the noise between seeds is not known.

        ranked: all arms, best first. The policy before GRPO was not trained on any reward, so it has no ties.
        """
        if self._seed_noise is None:
            return {}
        ranks = {arm: rank for rank, arm in enumerate(ranked, start=1) if arm != POLICY}

        def differs(a: str, b: str) -> bool:
            p = self.p(a, b)
            return p is not None and p < 1 - self._config.confidence

        return {
            arm: tuple(rank for other, rank in ranks.items() if other == arm or not differs(arm, other))
            for arm in ranks
        }

    def noise(self) -> Noise | None:
        """The noise as the leaderboard shows it; None where the baseline has fewer than two seeds."""
        if self._seed_noise is None:
            return None
        return Noise(
            f1_by_seed=self.f1_by_seed,
            seed_sd=self._seed_noise.sd,
            df=self._seed_noise.df,
            question_sd=self.bootstrap.sample(self.trained(BASELINE)[0]).standard_error(),
        )
