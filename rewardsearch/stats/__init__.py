"""Metrics, bootstrap intervals, paired tests and seed noise over questions: thin over numpy and scipy.special.

Outcomes are matched by question id, never by position. `metrics` counts one arm, `bootstrap` gives the intervals of scores and
of their differences (`samples`), `classes` the scores of each class, `paired` McNemar's tests and corrections for their number,
`noise` the noise between training seeds, `ranks` rank correlation, `fairness` how groups of people fare.
"""

from __future__ import annotations

from rewardsearch.stats.bootstrap import Bootstrap, resampled_totals
from rewardsearch.stats.classes import UNPARSED
from rewardsearch.stats.fairness import LEAST_PEOPLE, fairness
from rewardsearch.stats.metrics import Metrics, correct_by_id, f1_accuracy, right_table
from rewardsearch.stats.noise import SeedNoise, Spread, differs, half_width, noise_of_two, seed_noise, spread
from rewardsearch.stats.paired import EXACT_UP_TO, McNemar, adjust, mcnemar, pairwise
from rewardsearch.stats.ranks import spearman
from rewardsearch.stats.samples import Estimate, Sample

__all__ = [
    "EXACT_UP_TO",
    "LEAST_PEOPLE",
    "UNPARSED",
    "Bootstrap",
    "Estimate",
    "McNemar",
    "Metrics",
    "Sample",
    "SeedNoise",
    "Spread",
    "adjust",
    "correct_by_id",
    "differs",
    "f1_accuracy",
    "fairness",
    "half_width",
    "mcnemar",
    "noise_of_two",
    "pairwise",
    "resampled_totals",
    "right_table",
    "seed_noise",
    "spearman",
    "spread",
]
