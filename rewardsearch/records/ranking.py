"""The leaderboard and the Pareto front."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.classes import ClassScores, Interval
from rewardsearch.records.data import Record


class RankedRow(Record):
    """One line of the leaderboard; the metrics are None unless the candidate was screened to the end.

    The baseline's metrics are the means over its training seeds. gain_ci and the p-values are about rewards: over questions and
    training seeds, with the noise between the baseline's seeds; None where the baseline has one seed. `ties` are the ranks of
    the trained arms, its own among them, that it cannot be told from by that p-value (1 - confidence or more); None where
    p-values are, and for the policy before GRPO, which was not trained. A candidate that was stopped at a rung has its score
    there in `reason`. On a task with classes F1 is the positive class's, and `classes` has the scores of each; it is None
    elsewhere."""

    rank: int | None
    id: str
    name: str
    round: int
    operator: str
    parents: tuple[str, ...] = ()
    status: Literal["trained", "stopped", "failed", "rejected", "error", "pending"]
    f1: float | None = None
    f1_ci: Interval | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    parse_rate: float | None = None
    mean_training_accuracy: float | None = None
    """Share of the training completions that were right, the mean over the steps (and of the baseline over its seeds): higher
    for a reward that teaches sooner."""
    f1_by_seed: dict[int, float] = {}
    """Of the baseline: F1 by training seed."""
    gain: float | None = None
    """F1 less the baseline's."""
    gain_ci: Interval | None = None
    gain_questions_ci: Interval | None = None
    """Over the questions alone: of these trained policies."""
    p_vs_best: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    p_vs_parent: float | None = None
    """Against the best of its parents that were screened."""
    ties: tuple[int, ...] | None = None
    bank_auc: float | None = None
    bank_auc_any_form: float | None = None
    """On the rollout bank before training, as the four after it: how often a right completion is paid more than another of the
    same question."""
    bank_zero_std_fraction: float | None = None
    bank_length: float | None = None
    bank_spread: float | None = None
    bank_agreement: float | None = None
    steps: int = 0
    seconds: float = 0.0
    flags: tuple[str, ...] = ()
    reason: str | None = None
    classes: ClassScores | None = None


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


class Noise(Record):
    """How far a score moves by itself: the baseline's F1 by training seed, their standard deviation `seed_sd` with `df` degrees
    of freedom, and `question_sd`, the standard error that the questions give the baseline's score."""

    f1_by_seed: dict[int, float]
    seed_sd: float
    df: int
    question_sd: float


class Ranking(Record):
    """The leaderboard. `n` is the number of questions; `p_adjusted` corrects p_vs_baseline.

    `noise` is None until the baseline has been trained with two seeds; then there are no p-values either. `split` is "test" in
    the literature's protocol alone, which ranks on it."""

    task: str
    split: Literal["val", "test"]
    n: int
    rows: tuple[RankedRow, ...]
    noise: Noise | None = None
    feedback: bool = True
    """False where proposers got no feedback (random search)."""


class PromotionDecision(Record):
    """What became of a candidate at a rung: whether it goes on; `message` says it with the step, the reason and its figures."""

    id: str
    promoted: bool
    message: str
