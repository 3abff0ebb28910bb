"""What a round has shown, as records: the evidence that the next round's prompts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rewardsearch.records import Candidate, Front, Interval, Operator, RankedRow, Record, Refusal, Usage


class ComponentCurve(Record):
    """One component's mean at the told steps, with its correlations over the whole training: with counting as right, and with
    being right in any form."""

    name: str
    points: str
    correlation: str
    any_form: str = ""


class Training(Record):
    """How a training run went, in numbers ready to be read: `steps` are those of every curve's points. A candidate's `curves` are
    those of its own reward; what the base rewards paid beside it at the end stands in `base_end`."""

    steps: str
    reward: str
    exact_match: str
    length: str
    clipped: str
    zero_std_fraction: str
    curves: tuple[ComponentCurve, ...]
    base_end: str = ""
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
    kind: str = ""
    """Which kind of disagreement: "wrong", "right elsewhere" or "correct"."""


class Mistake(Record):
    """A held-out question that a policy does not answer right; its texts are one quoted line each."""

    prompt: str
    completion: str
    answer: str
    given: str
    """What it answers, in words where it gives no answer that counts."""


class GroupLine(Record):
    """One completion of a group: what it is, in words, its total reward and what each reward paid, and its text, quoted."""

    what: str
    reward: str
    parts: str
    completion: str


class Group(Record):
    """One whole group of late training: the prompt, quoted, and its completions, the best paid first."""

    step: int
    prompt: str
    answer: str
    lines: tuple[GroupLine, ...]


class RungScore(Record):
    """F1 on the first `n` held-out questions after `steps` of the training, beside the base rewards' at the same step."""

    steps: int
    n: int
    f1: float
    baseline: float | None = None


class Reference(Record):
    """The baseline or the untrained policy."""

    row: RankedRow
    answers: str = ""
    """How often it answers each class, and which it takes for which, in words; empty on a task without classes."""
    training: Training | None = None
    disagreements: tuple[Disagreement, ...] = ()
    rungs: tuple[RungScore, ...] = ()
    group: Group | None = None
    mistakes: tuple[Mistake, ...] = ()


class Child(Record):
    """A reward that was made from another: what was changed, and what came of it, in words."""

    name: str
    id: str
    operator: Operator
    idea: str
    outcome: str


class Evidence(Record):
    """One screened candidate, whole. `gain` is its F1 less the baseline's, the mean over its seeds; `front` is None off the
    Pareto front. `disagreements` and `mistakes` are more than one prompt shows: requests take turns through them."""

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
    rungs: tuple[RungScore, ...] = ()
    group: Group | None = None
    mistakes: tuple[Mistake, ...] = ()
    missed: str = ""
    """How many held-out questions its policy does not answer right, in words."""
    children: tuple[Child, ...] = ()
    """What was made from it so far."""
    simplified: tuple[Candidate, ...] = ()
    """The children by simplify, with their code."""


class Parent(Record):
    """A screened candidate that the next round may build on."""

    candidate: Candidate
    f1: float
    f1_ci: Interval
    gain: float
    """F1 less the baseline's."""
    ancestors: tuple[str, ...] = ()
    """Every candidate that it was made from, directly or not, screened or not."""


class Unscored(Record):
    """A candidate without a score, and why."""

    round: int
    name: str
    id: str
    status: str
    reason: str
    idea: str = ""
    rungs: tuple[RungScore, ...] = ()
    """Of one that was stopped at a rung: its scores up to there."""


class Payoff(Record):
    """What an operator with a model has brought so far.

    `improvement` is the expected improvement of its candidates over the best score before their round, `cost` what its asks and
    their repairs took; both in units of the average ask of their round. `usage` is the whole of what was paid.
    """

    operator: Operator
    model: str
    requests: int
    improvement: float
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
    dropped: tuple[Unscored, ...] = ()
    """Candidates of all rounds that were stopped at a rung, the best there first, as many as are told."""
    refusals: tuple[Refusal, ...] = ()
    lessons: tuple[str, ...] = ()
    """What the leaderboard has shown so far, a sentence or two each."""
    flag_kinds: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    """Every screened candidate, best first."""
    rounds_without_improvement: int = 0
    """Rounds since the best score last rose."""
    payoffs: tuple[Payoff, ...] = ()


DISAGREEMENTS_SHOWN = 2
"""Of each kind, at a time."""
MISTAKES_SHOWN = 3
Shown = TypeVar("Shown", Reference, Evidence)
_T = TypeVar("_T")


def shown(of: Shown, turn: int) -> Shown:
    """As much of an arm's completions as is shown at a time; further turns show others, as long as there are some."""
    kinds = dict.fromkeys(each.kind for each in of.disagreements)
    return of.model_copy(
        update={
            "disagreements": tuple(
                each
                for kind in kinds
                for each in _in_turn([e for e in of.disagreements if e.kind == kind], DISAGREEMENTS_SHOWN, turn)
            ),
            "mistakes": tuple(_in_turn(of.mistakes, MISTAKES_SHOWN, turn)),
        }
    )


def in_turn(feedback: Feedback, turn: int) -> Feedback:
    """The feedback with as much of everybody's completions as is shown at a time."""
    return feedback.model_copy(
        update={
            "baseline": shown(feedback.baseline, turn) if feedback.baseline else None,
            "evidence": tuple(shown(each, turn) for each in feedback.evidence),
        }
    )


def _in_turn(items: Sequence[_T], count: int, turn: int) -> list[_T]:
    """`count` of the items: the first ones at turn 0, those after them at turn 1, and so on round the whole."""
    start = turn * count % max(1, len(items))
    return [*items[start:], *items[:start]][:count]
