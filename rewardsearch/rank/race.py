"""Who goes on from a rung of a screen.

Successive halving (Jamieson and Talwalkar 2016) drops by rank alone, which under noise drops good candidates that had a slow
start. Here a candidate is dropped when it is clearly behind the best on the same questions, and a share of them always goes
on. Where many are level, the best of them go on up to another share: what cannot be told apart need not all be trained.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rewardsearch.config import RaceConfig, RankConfig
from rewardsearch.records import Fate, ScreenResult
from rewardsearch.stats import Bootstrap


def race(
    results: Mapping[str, ScreenResult],
    entrants: Collection[str],
    incumbent: str,
    names: Mapping[str, str],
    config: RaceConfig,
    rank: RankConfig,
    seed: int,
) -> dict[str, Fate]:
    """The fate of each entrant at a rung, by id.

    results: at this rung, by arm id, all on the same questions: the entrants' and the incumbent's (the arm that leads the
    leaderboard). The best share `keep` of the entrants goes on; then, up to the share `most`, whoever's paired interval of the
    F1 difference from the best of entrants and incumbent reaches 0, the best first. A run that the watch ended does not go on.
    names: how arms are told.

    Raises ValueError when the arms answered different questions.
    """
    arms = {id: results[id].outcomes for id in sorted({*entrants, incumbent})}
    bootstrap = Bootstrap(arms, resamples=rank.resamples, seed=seed, confidence=config.confidence)
    f1 = {id: bootstrap.estimate(id).f1 for id in arms}
    running = sorted((id for id in entrants if results[id].ended is None), key=lambda id: (-f1[id], id))
    least = config.least_of(len(entrants))
    places = {id: place for place, id in enumerate(running, start=1)}
    most = config.most_of(len(entrants))
    best = min((*running, incumbent), key=lambda id: (-f1[id], id))
    fates = {}
    for id in entrants:
        against = f"F1 {f1[id]:.3f}"
        behind = False
        if id != best:
            low, high = bootstrap.difference(id, best).f1_ci
            behind = high < 0
            against += f" against {f1[best]:.3f} of {names.get(best, best)}, difference [{low:+.3f}, {high:+.3f}]"
        where = f"after {results[id].steps} steps on {len(arms[id])} questions"
        ended = results[id].ended
        if ended is not None:
            fates[id] = Fate(id=id, promoted=False, told=f"{ended}; {against} {where}")
            continue
        promoted = places[id] <= (least if behind else most)
        full = "" if promoted or behind else f"; level with the best, but {most} of {len(entrants)} go on at most"
        fates[id] = Fate(id=id, promoted=promoted, told=f"{against} {where}{full}")
    return fates
