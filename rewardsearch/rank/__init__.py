"""Rank: all results so far into a leaderboard with intervals, paired tests and corrected p-values."""

from __future__ import annotations

from rewardsearch.rank.compare import Comparison, compare_outcomes, compare_predictions, read_predictions, reward_gap
from rewardsearch.rank.leaderboard import rank
from rewardsearch.rank.pareto import front
from rewardsearch.rank.race import baseline_noise, race, rank_agreement
from rewardsearch.rank.solvable import most_right, nothing_to_rank, required_right, solves_enough
from rewardsearch.rank.table import leaderboard_csv, leaderboard_frame, ranges, write_leaderboard

__all__ = [
    "Comparison",
    "baseline_noise",
    "compare_outcomes",
    "compare_predictions",
    "front",
    "leaderboard_csv",
    "leaderboard_frame",
    "most_right",
    "nothing_to_rank",
    "race",
    "ranges",
    "rank",
    "rank_agreement",
    "read_predictions",
    "required_right",
    "reward_gap",
    "solves_enough",
    "write_leaderboard",
]
