"""Which candidates continue after a rung.

Successive halving (Jamieson and Talwalkar 2016) stops candidates by rank alone. Under noise that stops good candidates with
a slow start. Here a candidate is stopped when it is behind by more than the noise of questions and training seeds. Ranks
alone count only at a rung where earlier candidates show that ranks hold to the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import PromotionDecision, TrainingResult
from rewardsearch.stats import Bootstrap, SeedNoise, f1_accuracy, spearman, spread


def rank_agreement(trained: Sequence[tuple[TrainingResult, TrainingResult]], config: RaceConfig) -> float | None:
    """The rank correlation between F1 at a rung and at the end where it is high enough to stop candidates by rank; else None.

    trained: of each candidate that was trained past the rung, its result there and at the end.
    """
    if len(trained) < config.min_candidates:
        return None
    at_rung, at_end = ([f1_accuracy(pair[at].outcomes).f1 for pair in trained] for at in (0, 1))
    found = spearman(at_rung, at_end)
    return found if found is not None and found >= config.min_correlation else None


def baseline_noise(baselines: Sequence[TrainingResult], rank: RankConfig, seed: int) -> SeedNoise | None:
    """The noise between training seeds that a race assumes of every arm; None with fewer than two `baselines`.

    baselines: the baseline trained to the end, one result a seed. Only the search's own seed is trained through the rungs.
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
    """Whether each entrant continues after a rung, by id.

    results: at this rung, by arm id, all on the same questions: the entrants' and the incumbent's (the arm that leads the
    leaderboard). The best share `min_promoted` of the entrants continues. So does everyone who is not clearly behind the best of
    entrants and incumbent, that is, by more than the interval over questions and seeds. Where the `noise` between seeds is
    not known, nobody is clearly behind. agreement: see rank_agreement. Where it is given, no more than the share
    `max_promoted` continues, the best first. Among equals the one with the higher mean exact match over its training comes
    first, then the one that is first in `entrants`. A run that the watch stopped does not continue. incumbent_name: its name
    in messages.
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
