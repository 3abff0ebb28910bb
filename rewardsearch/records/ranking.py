"""The leaderboard and the Pareto front."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records.classes import ClassScores, Interval
from rewardsearch.records.data import Record
from rewardsearch.records.retrieval import RetrievalScores


class RankedRow(Record):
    """One row of the leaderboard; the metrics are None unless the candidate was trained to the end.

    The baseline's metrics are the means over its training seeds. gain_ci and the p-values are about rewards: over questions and
    training seeds, with the noise between the baseline's seeds; None where the baseline has one seed. `ties`: the ranks of the
    trained arms, its own among them, that do not differ from it significantly (a p-value of 1 - confidence or more); None where
    p-values are, and for the policy before GRPO, which was not trained. A candidate that was stopped at a rung has its score
    there in `reason`. On a task with classes F1 is that of the positive class, or macro F1 where there is none, and `classes` has
    the scores of each class."""

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
    """Share of correct training completions, the mean over the steps (for the baseline also over its seeds): higher for a reward
    that teaches sooner."""
    f1_by_seed: dict[int, float] = {}
    """F1 by training seed; of the baseline only."""
    gain: float | None = None
    """F1 less the baseline's."""
    gain_ci: Interval | None = None
    gain_questions_ci: Interval | None = None
    """Over the questions alone: about these trained policies."""
    p_vs_best: float | None = None
    p_vs_baseline: float | None = None
    p_adjusted: float | None = None
    p_vs_parent: float | None = None
    """Against the best of its trained parents."""
    ties: tuple[int, ...] | None = None
    bank_auc: float | None = None
    bank_auc_any_form: float | None = None
    """On the rollout bank before training, as the four fields after it: how often a right completion gets a higher reward than
    another of the same question."""
    bank_zero_std_fraction: float | None = None
    bank_length: float | None = None
    bank_spread: float | None = None
    bank_agreement: float | None = None
    steps: int = 0
    seconds: float = 0.0
    flags: tuple[str, ...] = ()
    reason: str | None = None
    classes: ClassScores | None = None
    retrieval: RetrievalScores | None = None
    """On a task that ranks texts."""


class Front(Record):
    """A member of the Pareto front over questions: no other candidate answers all of its correct questions correctly, and more.

    `share`: of the contested questions, those that some members answer correctly and others do not. Each counts for one, divided
    among the members that answer it correctly; the shares of the front sum to 1. `right`: questions answered correctly. `alone`:
    those that no other candidate of the run answers correctly. `only`: by the id of each other member, those that it does not.
    """

    id: str
    share: float
    right: int
    alone: int
    only: dict[str, int] = {}


class Noise(Record):
    """How far a score varies by chance: the baseline's F1 by training seed, their standard deviation `seed_sd` with `df` degrees
    of freedom, and `question_sd`, the standard error of the baseline's score from the questions."""

    f1_by_seed: dict[int, float]
    seed_sd: float
    df: int
    question_sd: float


class Ranking(Record):
    """The leaderboard. `n` is the number of questions; `p_adjusted` corrects p_vs_baseline.

    `noise` is None until the baseline has been trained with two seeds; until then there are no p-values. `split` is "test" only
    with paper_protocol."""

    task: str
    split: Literal["val", "test"]
    n: int
    rows: tuple[RankedRow, ...]
    noise: Noise | None = None
    feedback: bool = True
    """False where proposers get no feedback (random search)."""


class PromotionDecision(Record):
    """What became of a candidate at a rung: whether it goes on; `message` says it with the step, the reason and its figures."""

    id: str
    promoted: bool
    message: str
