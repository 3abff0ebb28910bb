"""The feedback of a round, as records: the evidence for the prompts of the next round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rewardsearch.records import Candidate, Front, Interval, Operator, RankedRow, Record, Refusal, Usage


class ComponentCurve(Record):
    """One component's mean at the shown steps, with its correlations over the whole training: with being correct, and with being
    right in any form."""

    name: str
    points: str
    correlation: str
    any_form: str = ""


class Training(Record):
    """How a training went, as formatted numbers. `steps`: those of every curve's points. `curves`: of a candidate those of its
    own reward. `base_end`: what the base rewards paid at the last step."""

    steps: str
    reward: str
    exact_match: str
    length: str
    clipped: str
    zero_std_fraction: str
    curves: tuple[ComponentCurve, ...]
    base_end: str = ""
    measured: tuple[str, ...] = ()
    """Of a task that measures, a line for each measured column: its name and its mean at the shown steps."""
    answers: tuple[str, ...] = ()
    """On a task with classes, a line for each: how many completions answer it, and what they are paid."""
    alarms: tuple[str, ...] = ()
    """Alarms of the watch over the training, a line each."""


class Disagreement(Record):
    """A training completion whose reward and correctness disagree; each text is one quoted line."""

    what: str
    reward: str
    prompt: str
    completion: str
    answer: str
    kind: str = ""
    """Which kind of disagreement: "wrong", "right elsewhere" or "correct"."""


class Mistake(Record):
    """A held-out question that a policy does not answer correctly; each text is one quoted line."""

    prompt: str
    completion: str
    answer: str
    given: str
    """Its answer; in words where there is no answer that counts."""


class GroupLine(Record):
    """One completion of a group: its correctness in words, its total reward, what each reward paid, and its text, quoted."""

    what: str
    reward: str
    parts: str
    completion: str


class Group(Record):
    """One group of late training: the prompt, quoted, and its completions, the highest reward first."""

    step: int
    prompt: str
    answer: str
    lines: tuple[GroupLine, ...]


class RungScore(Record):
    """F1 on the first `n` held-out questions after `steps` of the training, and that of the base rewards at the same step."""

    steps: int
    n: int
    f1: float
    baseline: float | None = None


class Reference(Record):
    """The baseline, the untrained policy, or a trained candidate. `disagreements` and `mistakes` are more than one prompt shows:
    each request shows other ones of them."""

    row: RankedRow
    answers: str = ""
    """How often its policy answers each class, and how it confuses them, in words; empty on a task without classes."""
    training: Training | None = None
    disagreements: tuple[Disagreement, ...] = ()
    rungs: tuple[RungScore, ...] = ()
    group: Group | None = None
    mistakes: tuple[Mistake, ...] = ()


class Child(Record):
    """A reward that was made from another, with its idea and its outcome in words."""

    name: str
    id: str
    operator: Operator
    idea: str
    outcome: str


class Evidence(Reference):
    """One trained candidate. `gain` is its F1 less the baseline's mean over seeds; `front` is None off the Pareto front."""

    candidate: Candidate
    gain: float
    checks: str
    bank: str
    """What it pays completions of the untrained policy, in words; empty where that was not measured."""
    front: Front | None = None
    lean: str = ""
    """The class that its policy answers too often, in words; empty where there is none."""
    missed: str = ""
    """How many held-out questions its policy does not answer correctly, in words."""
    children: tuple[Child, ...] = ()
    """The candidates made from it so far."""
    simplified: tuple[Candidate, ...] = ()
    """The children by simplify, with their code."""


class Parent(Record):
    """A trained candidate that the next round may build on."""

    candidate: Candidate
    f1: float
    f1_ci: Interval
    gain: float
    """F1 less the baseline's."""
    ancestors: tuple[str, ...] = ()
    """Every candidate that it was made from, directly or indirectly, trained or not."""


class Unscored(Record):
    """A candidate without a score, and why."""

    round: int
    name: str
    id: str
    status: str
    reason: str
    idea: str = ""
    rungs: tuple[RungScore, ...] = ()
    """The scores of a candidate that was stopped at a rung."""


class Payoff(Record):
    """The improvement from an operator with a model so far, and its cost.

    `improvement`: the expected improvement of its candidates over the best score before their round. `cost`: of its requests and
    their repairs. Both are in units of the average request of their round. `usage`: everything that was paid.
    """

    operator: Operator
    model: str
    requests: int
    improvement: float
    cost: float
    usage: Usage


class Feedback(Record):
    """The feedback for the next round: records for proposers that select from them, and `text` for people and other proposers.

    Before the first round (`round` 0) it has only the baseline and the untrained policy.
    """

    round: int
    text: str
    n: int = 0
    """Questions that the scores are on."""
    classes: tuple[str, ...] | None = None
    """The classes of the task, the positive one first; None without classes."""
    positive: str | None = None
    """The class whose F1 ranks; None where macro F1 does, and without classes."""
    policy: Reference | None = None
    baseline: Reference | None = None
    evidence: tuple[Evidence, ...] = ()
    """The best candidates and the Pareto front, best first."""
    others: tuple[Evidence, ...] = ()
    """The other trained candidates, without their training."""
    unscored: tuple[Unscored, ...] = ()
    """Rejected, stopped and failed candidates of this round."""
    earlier: int = 0
    """The number of such candidates of earlier rounds."""
    stopped: tuple[Unscored, ...] = ()
    """Candidates of all rounds that were stopped at a rung, the best there first, at most MAX_STOPPED."""
    refusals: tuple[Refusal, ...] = ()
    lessons: tuple[str, ...] = ()
    """What the leaderboard has shown so far, a few sentences each."""
    flag_kinds: tuple[str, ...] = ()
    parents: tuple[Parent, ...] = ()
    """Every trained candidate, best first."""
    rounds_without_improvement: int = 0
    """Rounds since the best score last rose."""
    payoffs: tuple[Payoff, ...] = ()


DISAGREEMENTS_SHOWN = 2
"""Disagreements of each kind that one prompt shows."""
MISTAKES_SHOWN = 3
Shown = TypeVar("Shown", bound=Reference)
_T = TypeVar("_T")


def shown(of: Shown, turn: int) -> Shown:
    """An arm with the completions that one prompt shows; other turns show other ones, as long as there are some."""
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
    """The feedback with the completions that one prompt shows of every arm."""
    return feedback.model_copy(
        update={
            "baseline": shown(feedback.baseline, turn) if feedback.baseline else None,
            "evidence": tuple(shown(each, turn) for each in feedback.evidence),
        }
    )


def _in_turn(items: Sequence[_T], count: int, turn: int) -> list[_T]:
    """`count` of the items: the first ones at turn 0, the next ones at turn 1, and so on, cyclically."""
    start = turn * count % max(1, len(items))
    return [*items[start:], *items[:start]][:count]
