"""The noise of a leaderboard: what training seeds and questions do to a score, and which ranks are ties because of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from rewardsearch.records import BASELINE, POLICY, Noise
from rewardsearch.stats import Bootstrap, SeedNoise, differs


def noise_of(f1_by_seed: Mapping[int, float], bootstrap: Bootstrap[str], noise: SeedNoise | None) -> Noise | None:
    """What the leaderboard shows of the noise, from the baseline's F1 by training seed; None where it has no two seeds."""
    if noise is None:
        return None
    return Noise(
        f1_by_seed=dict(f1_by_seed),
        seed_sd=noise.sd,
        df=noise.df,
        question_sd=bootstrap.standard_error(BASELINE),
    )


def tied_ranks(
    ranked: Sequence[str], bootstrap: Bootstrap[str], noise: SeedNoise | None, confidence: float
) -> dict[str, tuple[int, int]]:
    """The best and the worst rank of the arms that each arm, itself among them, cannot be told from, by the noise of questions
    and seeds.

    ranked: arms, best first.
    """
    samples = {arm: bootstrap.sample(arm) for arm in ranked}
    places = {arm: [place] for place, arm in enumerate(ranked, start=1)}
    for a, b in combinations(ranked, 2):
        gap = samples[a] - samples[b]
        # What was not trained has no noise between seeds, as little as a mean over endless seeds.
        seeds = (math.inf if a == POLICY else 1, math.inf if b == POLICY else 1)
        if not differs(gap.f1, gap.standard_error, noise, confidence, seeds=seeds):
            places[a].append(places[b][0])
            places[b].append(places[a][0])
    return {arm: (min(found), max(found)) for arm, found in places.items()}
