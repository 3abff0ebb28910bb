"""Who goes on from a rung of a screen.

Successive halving (Jamieson and Talwalkar 2016) drops by rank alone, which under noise drops good candidates that had a slow
start. Here a candidate is dropped when it is clearly behind the best on the same questions, and a share of them always goes
on. Where many are level, the best of them go on up to another share: what cannot be told apart need not all be trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import Fate, ScreenResult
from rewardsearch.stats import Bootstrap


def race(
    results: Mapping[str, ScreenResult],
    entrants: Sequence[str],
    incumbent: str,
    incumbent_name: str,
    config: RaceConfig,
    rank: RankConfig,
    seed: int,
) -> dict[str, Fate]:
    """The fate of each entrant at a rung, by id.

    results: at this rung, by arm id, all on the same questions: the entrants' and the incumbent's (the arm that leads the
    leaderboard). The best share `keep` of the entrants goes on; then, up to the share `most`, whoever's paired interval of the
    F1 difference from the best of entrants and incumbent reaches 0, the best first; of equals, the one with the higher mean exact
    match over its training, then the one that comes first in `entrants`. A run that the watch ended does not go on.
    incumbent_name: what it is called in what is told.

    Raises ValueError when the arms answered different questions.
    """
    arms = {id: results[id].outcomes for id in sorted({*entrants, incumbent})}
    bootstrap = Bootstrap(arms, resamples=rank.resamples, seed=seed, confidence=config.confidence)
    f1 = {id: bootstrap.estimate(id).f1 for id in arms}
    # Equal scores are common on few questions: next counts the exact match in training, then who was proposed first.
    trained = {id: fmean(point.monitor for point in results[id].curves) if results[id].curves else 0.0 for id in arms}
    running = sorted((id for id in entrants if results[id].ended is None), key=lambda id: (-f1[id], -trained[id]))
    least = config.least_of(len(entrants))
    places = {id: place for place, id in enumerate(running, start=1)}
    most = config.most_of(len(entrants))
    best = min((*running, incumbent), key=lambda id: (-f1[id], -trained[id]))
    called = "the best" if best in entrants else incumbent_name
    fates = {}
    for id in entrants:
        high = bootstrap.difference(id, best).f1_ci[1] if id != best else 0.0
        behind = high < 0
        ended = results[id].ended
        promoted = ended is None and places[id] <= (least if behind else most)
        figures = f"F1 {f1[id]:.3f}" + (f" vs {f1[best]:.3f}" if id != best else "")
        figures += f", at least {-high:.3f} apart" if behind else ""
        place = "the best" if id == best else f"{'behind' if behind else 'tied with'} {called}"
        why = f"{ended or place} ({figures})"
        if ended is None and promoted == behind:
            # Neither follows from the figures alone.
            limit = f"least {least}" if promoted else f"most {most}"
            why += f", and at {limit} of {len(entrants)} continue"
        step = f"{'continues after' if promoted else 'stopped at'} step {results[id].steps}"
        fates[id] = Fate(id=id, promoted=promoted, told=f"{step}: {why}")
    return fates
