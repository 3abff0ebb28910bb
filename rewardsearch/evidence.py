"""What a round has shown, as records: the evidence that the next round's prompts are made of."""

from __future__ import annotations

from rewardsearch.records import Candidate, Front, Interval, Operator, RankedRow, Record, Refusal, Usage


class ComponentCurve(Record):
    """One component's mean at the told steps, with its correlation with correctness over the whole training."""

    name: str
    points: str
    correlation: str


class Training(Record):
    """How a training run went, in numbers ready to be read: `steps` are those of every curve's points."""

    steps: str
    reward: str
    monitor: str
    length: str
    clipped: str
    dead_groups: str
    curves: tuple[ComponentCurve, ...]
    answers: tuple[str, ...] = ()
    """On a task with classes, a line for each: how many completions answer it, and what they are paid."""
    alarms: tuple[str, ...] = ()
    """What the watch over the training saw, a line each."""


class Disagreement(Record):
    """A training completion whose reward and truth disagree; its texts are one quoted line each."""

    what: str
    reward: str
    prompt: str
    completion: str
    answer: str


class Reference(Record):
    """The baseline or the untrained policy."""

    row: RankedRow
    answers: str = ""
    """How often it answers each class, and which it takes for which, in words; empty on a task without classes."""
    training: Training | None = None
    disagreements: tuple[Disagreement, ...] = ()


class Evidence(Record):
    """One screened candidate, whole. `gain` is its F1 less the baseline's; `front` is None off the Pareto front."""

    candidate: Candidate
    row: RankedRow
    gain: float
    checks: str
    bank: str
    """What it paid completions of the untrained policy, in words; empty where that was not measured."""
    training: Training | None
    disagreements: tuple[Disagreement, ...]
    front: Front | None = None
    answers: str = ""
    """How often its policy answers each class, and which it takes for which, in words; empty on a task without classes."""
    lean: str = ""
    """Which class its policy answers clearly too often, in words; empty where there is none."""


class Parent(Record):
    """A screened candidate that the next round may build on."""

    candidate: Candidate
    f1: float
    f1_ci: Interval
    gain: float
    """F1 less the baseline's."""


class Unscored(Record):
    """A candidate without a score, and why."""

    round: int
    name: str
    id: str
    status: str
    reason: str


class Payoff(Record):
    """What an operator with a model has brought so far.

    `credit` is the expected improvement of its candidates over the best score before their round, `cost` what its asks and
    their repairs took; both in units of the average ask of their round. `usage` is the whole of what was paid.
    """

    operator: Operator
    model: str
    asks: int
    credit: float
    cost: float
    usage: Usage


class Feedback(Record):
    """What the next round is told: as records for the proposers that choose and cut, as `text` for people and for the others.

    After no round at all (`round` 0) it holds the references alone.
    """

    round: int
    text: str
    n: int = 0
    """Questions that the scores are on."""
    classes: tuple[str, str] | None = None
    """Of a task with classes, the positive one first."""
    policy: Reference | None = None
    baseline: Reference | None = None
    evidence: tuple[Evidence, ...] = ()
    """The best candidates and the Pareto front, best first."""
    others: tuple[Evidence, ...] = ()
    """The other screened candidates, without their training."""
    unscored: tuple[Unscored, ...] = ()
    """Rejected, dropped and failed candidates of this round."""
    earlier: int = 0
    """How many were so before this round."""
    refusals: tuple[Refusal, ...] = ()
    lessons: tuple[str, ...] = ()
    """What the leaderboard has shown so far, a sentence or two each."""
    flag_kinds: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    """Every screened candidate, best first."""
    stale: int = 0
    """Rounds since the best score last rose."""
    payoffs: tuple[Payoff, ...] = ()
