"""Metrics, bootstrap intervals, paired tests and seed noise over questions: thin over numpy and scipy.special.

Outcomes are matched by question id, never by position. `metrics` counts one arm, `bootstrap` gives the intervals of scores and
of their differences (`samples`), `classes` the scores of each class, `paired` McNemar's tests and corrections for their number,
`noise` the noise between training seeds and the error of a gain, `power` the gains that are found, `ranks` rank correlation,
`fairness` how groups of people fare.
"""

from __future__ import annotations

from rewardsearch.stats.bootstrap import Bootstrap, resampled_totals
from rewardsearch.stats.classes import UNPARSED
from rewardsearch.stats.fairness import LEAST_PEOPLE, fairness
from rewardsearch.stats.metrics import Metrics, correct_by_id, f1_accuracy, right_table
from rewardsearch.stats.noise import SeedNoise, Spread, projected_spread, seed_noise, spread
from rewardsearch.stats.paired import EXACT_UP_TO, McNemar, adjust, mcnemar, pairwise
from rewardsearch.stats.power import POWER, smallest_gain, usual_question_se
from rewardsearch.stats.ranks import centred_ranks, rank_correlation, spearman
from rewardsearch.stats.samples import Estimate, Sample

__all__ = [
    "EXACT_UP_TO",
    "LEAST_PEOPLE",
    "POWER",
    "UNPARSED",
    "Bootstrap",
    "Estimate",
    "McNemar",
    "Metrics",
    "Sample",
    "SeedNoise",
    "Spread",
    "adjust",
    "centred_ranks",
    "correct_by_id",
    "f1_accuracy",
    "fairness",
    "mcnemar",
    "pairwise",
    "projected_spread",
    "rank_correlation",
    "resampled_totals",
    "right_table",
    "seed_noise",
    "smallest_gain",
    "spearman",
    "spread",
    "usual_question_se",
]
