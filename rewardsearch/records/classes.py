"""What tasks with classes have beside F1 and accuracy: scores of each class, and the rates of groups of people."""

from __future__ import annotations

from rewardsearch.records.data import Record

Interval = tuple[float, float]


class ScoreEstimate(Record):
    """A score with its interval over questions."""

    value: float
    ci: Interval


class ClassRow(Record):
    """One class: precision TP / (TP + FP), recall TP / (TP + FN), F1 = 2TP / (2TP + FP + FN); 0 where there is no denominator."""

    precision: ScoreEstimate
    recall: ScoreEstimate
    f1: ScoreEstimate


class ClassScores(Record):
    """Scores of an arm on a task with classes, means over its training seeds. `classes` and `confusion` go by the class's name,
    the positive class first.

    confusion: by gold class and by what was answered, one of the classes or "unparsed", the number of questions. An unparsed
    completion is a wrong answer; with two classes it counts as the other one.
    """

    classes: dict[str, ClassRow]
    macro_f1: ScoreEstimate
    """The mean of the classes' F1."""
    confusion: dict[str, dict[str, float]]
    positive: str | None = None
    """The class whose F1 ranks; None where macro F1 does."""


class GroupRate(Record):
    """One group of `n` people. An unparsed completion is not a positive answer.

    rate: share answered positive; rate_ci: its interval over people. gold_rate: share of gold positives. recall: share answered
    positive among the gold positives; false_positive_rate: the same among the gold negatives; None where there are none.
    standardized_rate: the share that would be answered positive if the group had everyone's gold labels (direct standardisation).
    """

    attribute: str
    group: str
    n: int
    rate: float
    rate_ci: Interval
    gold_rate: float
    recall: float | None
    false_positive_rate: float | None
    standardized_rate: float


class GroupGap(Record):
    """The widest gap between two groups of an attribute in the rate of positive answers; `low` is the group with the lower rate.

    ratio: the lower rate divided by the higher, the impact ratio of the four-fifths rule (29 CFR 1607.4 D); None where nobody is
    answered positive. standardized_gap: the widest gap of GroupRate.standardized_rate, so between people of the same gold labels.
    p: of the test that answers do not depend on the group among people of the same gold label. p_adjusted: corrected over the
    attributes. flagged: the test rejects, and the gap is of practical size.
    """

    attribute: str
    low: str
    high: str
    gap: float
    gap_ci: Interval
    ratio: float | None
    standardized_gap: float
    p: float
    p_adjusted: float
    flagged: bool


class Fairness(Record):
    """Rates of positive answers by group, of one arm, and the gap of each attribute that has two groups of MIN_PEOPLE or more.

    A person's answer is the mean over the arm's training seeds.
    """

    arm: str
    groups: tuple[GroupRate, ...]
    gaps: tuple[GroupGap, ...]

    @property
    def flagged(self) -> tuple[GroupGap, ...]:
        return tuple(gap for gap in self.gaps if gap.flagged)
