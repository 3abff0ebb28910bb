"""Statistics over questions and training seeds. Outcomes are matched by question id, never by position.

`metrics`: counts and scores of one arm. `bootstrap`, `samples`: intervals of scores and of their differences. `classes`: scores
of each class. `paired`: McNemar's test, corrections for several tests. `noise`: noise between training seeds, the error of a
gain. `power`: gains that can be detected. `ranks`: rank correlation. `fairness`: groups of people.
"""

from __future__ import annotations

from rewardsearch.records import UNPARSED
from rewardsearch.stats.bootstrap import Bootstrap, resampled_totals
from rewardsearch.stats.fairness import MIN_PEOPLE, fairness
from rewardsearch.stats.metrics import Metrics, correct_by_id, f1_accuracy, right_table
from rewardsearch.stats.noise import SeedNoise, Spread, projected_spread, seed_noise, spread
from rewardsearch.stats.paired import EXACT_UP_TO, McNemar, adjust, mcnemar, pairwise
from rewardsearch.stats.power import POWER, smallest_gain, usual_question_se
from rewardsearch.stats.ranks import centred_ranks, rank_correlation, spearman
from rewardsearch.stats.samples import Estimate, Metric, Sample

__all__ = [
    "EXACT_UP_TO",
    "MIN_PEOPLE",
    "POWER",
    "UNPARSED",
    "Bootstrap",
    "Estimate",
    "McNemar",
    "Metric",
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
