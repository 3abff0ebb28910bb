"""Rank: all results so far as a leaderboard with intervals, paired tests and corrected p-values."""

from __future__ import annotations

from rewardsearch.rank.compare import Comparison, compare_outcomes, reward_gap
from rewardsearch.rank.leaderboard import rank
from rewardsearch.rank.pareto import front
from rewardsearch.rank.predictions import compare_predictions, read_predictions

__all__ = [
    "Comparison",
    "compare_outcomes",
    "compare_predictions",
    "front",
    "rank",
    "read_predictions",
    "reward_gap",
]
