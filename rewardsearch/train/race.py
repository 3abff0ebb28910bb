"""Who goes on from a rung of a screen.

Successive halving (Jamieson and Talwalkar 2016) drops by rank alone, which under noise drops good candidates that had a slow
start. Here a candidate is dropped when it is behind by more than the noise of questions and training seeds. Ranks alone drop
only at a rung where earlier candidates suggest that ranks hold to the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import PromotionDecision, TrainingResult
from rewardsearch.stats import Bootstrap, SeedNoise, f1_accuracy, spearman, spread


def rank_agreement(trained: Sequence[tuple[TrainingResult, TrainingResult]], config: RaceConfig) -> float | None:
    """The rank correlation between F1 at a rung and at the end where it justifies dropping by rank; else None.

    trained: of each candidate that was trained past the rung, its result there and at the end.
    """
    if len(trained) < config.min_candidates:
        return None
    at_rung, at_end = ([f1_accuracy(pair[place].outcomes).f1 for pair in trained] for place in (0, 1))
    found = spearman(at_rung, at_end)
    return found if found is not None and found >= config.min_correlation else None


def baseline_noise(baselines: Sequence[TrainingResult], rank: RankConfig, seed: int) -> SeedNoise | None:
    """The noise between training seeds that a race assumes of every arm; None with fewer than two `baselines`.

    baselines: the baseline's whole screens, one a seed: the seeds beyond the search's are not trained through the rungs.
    """
    if len(baselines) < 2:
        return None
    bootstrap = Bootstrap({each.seed: each.outcomes for each in baselines}, resamples=rank.resamples, seed=seed)
    return bootstrap.seed_noise(*(each.seed for each in baselines))


def race(
    results: Mapping[str, TrainingResult],
    entrants: Sequence[str],
    incumbent: str,
    incumbent_name: str,
    config: RaceConfig,
    rank: RankConfig,
    seed: int,
    noise: SeedNoise | None,
    agreement: float | None = None,
) -> dict[str, PromotionDecision]:
    """The promotion of each entrant at a rung, by id.

    results: at this rung, by arm id, all on the same questions: the entrants' and the incumbent's (the arm that leads the
    leaderboard). The best share `min_promoted` of the entrants goes on. So does everyone who is not clearly behind the best of
    entrants and incumbent: by more than the interval over questions and seeds. Where the `noise` between seeds is not known,
    nobody is clearly behind. agreement: the rung's rank correlation with the end where it justifies dropping by rank
    (`rank_agreement`). Then no more than the share `max_promoted` goes on, the best first. Of equals the one with the higher
    mean exact match over its training is the better one, then the one that comes first in `entrants`. A run that the watch
    ended does not go on. incumbent_name: its name in messages.
    """
    arms = {id: results[id].outcomes for id in sorted({*entrants, incumbent})}
    bootstrap = Bootstrap(arms, resamples=rank.resamples, seed=seed, confidence=config.confidence)
    f1 = {id: bootstrap.estimate(id).f1 for id in arms}
    # Equal scores are common on few questions: next counts the exact match in training, then who was proposed first.
    trained = {
        id: fmean(point.exact_match for point in results[id].curves) if results[id].curves else 0.0 for id in arms
    }

    running = sorted((id for id in entrants if results[id].stop_reason is None), key=lambda id: (-f1[id], -trained[id]))
    least = config.min_promoted_of(len(entrants))
    most = len(entrants) if agreement is None else config.max_promoted_of(len(entrants))
    places = {id: place for place, id in enumerate(running, start=1)}
    best = min((*running, incumbent), key=lambda id: (-f1[id], -trained[id]))
    called = "the best" if best in entrants else incumbent_name

    def distance(id: str) -> float:
        """How far `id` is behind the best at least; 0 where that is within the noise."""
        if noise is None or id == best:
            return 0.0
        gap = bootstrap.sample(id) - bootstrap.sample(best)
        return max(0.0, -gap.f1 - spread(gap.standard_error(), [(noise, 2.0)]).half_width(config.confidence))

    promotions = {}
    for id in entrants:
        apart, ended = distance(id), results[id].stop_reason
        behind = apart > 0
        promoted = ended is None and places[id] <= (least if behind else most)
        figures = f"F1 {f1[id]:.3f}" + (f" vs {f1[best]:.3f}" if id != best else "")
        figures += f", at least {apart:.3f} apart" if behind else ""
        place = "the best" if id == best else f"{'behind' if behind else 'tied with'} {called}"
        why = f"{ended or place} ({figures})"
        if ended is None and promoted == behind:
            # Neither follows from the figures alone.
            limit = f"least {least}" if promoted else f"most {most}"
            why += f", and at {limit} of {len(entrants)} continue"
            if not promoted and agreement is not None:
                why += f": in this search ranks here and at the end agree (rank correlation {agreement:.2f})"
        step = f"{'continues after' if promoted else 'stopped at'} step {results[id].steps}"
        promotions[id] = PromotionDecision(id=id, promoted=promoted, message=f"{step}: {why}")
    return promotions
