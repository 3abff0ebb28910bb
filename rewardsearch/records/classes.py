"""What tasks with two classes have beside F1 and accuracy: scores of each class, and the rates of groups of people."""

from __future__ import annotations

from rewardsearch.records.data import Record

Interval = tuple[float, float]


class ClassEstimate(Record):
    """A score with its interval over questions."""

    value: float
    ci: Interval


class ClassRow(Record):
    """One class: precision TP / (TP + FP), recall TP / (TP + FN), F1 = 2TP / (2TP + FP + FN); 0 where there is no denominator."""

    precision: ClassEstimate
    recall: ClassEstimate
    f1: ClassEstimate


class ClassScores(Record):
    """Scores of an arm on a task with classes, means over its training seeds. `classes` and `confusion` go by the class's name,
    the positive class first.

    confusion: by gold class and by what was answered, one of the classes or "unparsed", the number of questions. An unparsed
    completion counts as the wrong class in every score.
    """

    classes: dict[str, ClassRow]
    macro_f1: ClassEstimate
    """The mean of the classes' F1."""
    confusion: dict[str, dict[str, float]]


class GroupRate(Record):
    """One group of `n` people. An unparsed completion is no positive answer, whatever the gold label.

    rate: share answered positive, its interval over people. gold_rate: share of gold positives. recall: share answered positive
    of the gold positives, false_rate: of the gold negatives; None without any. alike: the share that would be answered positive
    if the group had everyone's gold labels (direct standardisation).
    """

    attribute: str
    group: str
    n: int
    rate: float
    rate_ci: Interval
    gold_rate: float
    recall: float | None
    false_rate: float | None
    alike: float


class GroupGap(Record):
    """The widest gap between two groups of an attribute in the rate of positive answers, `low` the group with the lower one.

    ratio: the lower rate by the higher (the impact ratio of the four-fifths rule, 29 CFR 1607.4 D), None where nobody is answered
    positive. alike: the widest gap of GroupRate.alike, between people of the same gold labels. p: of the test that the answers
    to people of the same gold label do not depend on their group; p_adjusted is corrected over the attributes. flagged: that is
    refuted, and the gap is of practical size.
    """

    attribute: str
    low: str
    high: str
    gap: float
    gap_ci: Interval
    ratio: float | None
    alike: float
    p: float
    p_adjusted: float
    flagged: bool


class Fairness(Record):
    """Rates of positive answers by group, of one arm, and the gap of every attribute that has two groups of a fair size.

    A person's answer is the mean over the arm's training seeds.
    """

    arm: str
    groups: tuple[GroupRate, ...]
    gaps: tuple[GroupGap, ...]

    @property
    def flagged(self) -> tuple[GroupGap, ...]:
        return tuple(gap for gap in self.gaps if gap.flagged)
