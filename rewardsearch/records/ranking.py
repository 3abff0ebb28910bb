"""The leaderboard, the Pareto front, and the one reading of the sealed test."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.data import Record

Interval = tuple[float, float]


class RankedRow(Record):
    """One line of the leaderboard; the metrics are None unless the candidate was screened to the end."""

    rank: int | None
    id: str
    name: str
    round: int
    operator: str
    parents: tuple[str, ...] = ()
    status: Literal["screened", "failed", "rejected", "error", "owed"]
    f1: float | None = None
    f1_ci: Interval | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    p_vs_best: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    steps: int = 0
    seconds: float = 0.0
    flags: tuple[str, ...] = ()
    reason: str | None = None


class Front(Record):
    """A member of the Pareto front over questions: a candidate that no other beats on a question without losing another.

    `share` of the contested questions (those that some members answer right and others do not): each counts for one,
    divided among the members that answer it right; the shares of the whole front sum to 1. `alone` counts the questions that
    no other candidate of the run answers right, `only` those that another member does not, by its id.
    """

    id: str
    share: float
    right: int
    alone: int
    only: dict[str, int] = {}


class Ranking(Record):
    """The leaderboard. `n` is the number of questions; the p-values are McNemar's, `p_adjusted` corrects p_vs_baseline."""

    task: str
    split: str
    n: int
    rows: tuple[RankedRow, ...]


class FinalRow(Record):
    """One arm on the sealed test. The p-values are McNemar's against the untrained policy and the baseline."""

    id: str
    kind: Literal["ensemble", "single", "control", "baseline", "policy"]
    members: tuple[str, ...]
    status: Literal["done", "failed", "error"]
    reason: str | None = None
    f1: float | None = None
    f1_ci: Interval | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    val_f1: float | None = None
    """The same arm's F1 on `val`, so that the winner's curse is seen."""
    p_vs_policy: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    """p_vs_baseline corrected over the arms."""


class FinalReport(Record):
    """The one reading of the sealed test."""

    task: str
    n: int
    rows: tuple[FinalRow, ...]
