"""The answers of a trained policy to held-out questions, next to those of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rewardsearch.errors import UserError
from rewardsearch.records import BASELINE, POLICY, Outcome, OutcomeKind, Record, TrainingResult
from rewardsearch.run.state import RunState
from rewardsearch.session.runs import completions_of, evaluated
from rewardsearch.tasks import load_task

Which = Literal["all", "wrong", "fixed", "broken"]


class Answer(Record):
    """One policy's answer to a question: its outcome, the prediction read from it, and the text (None if it was not kept)."""

    kind: OutcomeKind
    prediction: str | None
    completion: str | None


class Answered(Record):
    """A held-out question with an arm's answer and the reference's. `prompt` is None if the rows cannot be loaded."""

    id: str
    prompt: str | None
    gold: str
    answer: Answer
    reference: Answer | None


class Answers(Record):
    """Answers of an arm after `steps` steps with `seed`, to some of the `total` questions of `split`.

    reference: the arm that they are compared with, after as many steps with the same seed: the baseline; for the baseline the
    policy before GRPO. problem: why the prompts are missing.
    """

    arm: str
    which: Which
    split: str
    steps: int
    seed: int
    total: int
    reference: str | None
    problem: str | None = None
    questions: tuple[Answered, ...]


def read_answers(state: RunState, arm: str, which: Which) -> Answers:
    """The answers of an arm to the questions that it was ranked on.

    which: all; those that are wrong; `fixed`, those that are correct where the reference's are not; `broken`, the reverse.
    Raises UserError for an arm that was not evaluated, and for `fixed` and `broken` without a reference.
    """
    found = evaluated(state, arm)
    against = _reference(state, found)
    if against is None and which in ("fixed", "broken"):
        raise UserError(
            f"--{which}: {arm} has no reference to compare with in {state.folder}; use --completions alone or with --wrong"
        )
    prompts, problem = _prompts(state)
    texts, others = completions_of(state, found), completions_of(state, against) if against else {}
    before = {outcome.id: outcome for outcome in against.outcomes} if against else {}
    questions = [
        Answered(
            id=outcome.id,
            prompt=prompts.get(outcome.id),
            gold=outcome.gold,
            answer=_answer(outcome, texts),
            reference=_answer(before[outcome.id], others) if outcome.id in before else None,
        )
        for outcome in found.outcomes
    ]
    return Answers(
        arm=arm,
        which=which,
        split=state.config.ranked_on,
        steps=found.steps,
        seed=found.seed,
        total=len(questions),
        reference=against.id if against else None,
        problem=problem,
        questions=tuple(each for each in questions if _is(each, which)),
    )


def _is(each: Answered, which: Which) -> bool:
    right = each.answer.kind == "correct"
    if which in ("all", "wrong"):
        return which == "all" or not right
    if each.reference is None:
        return False
    return (right, each.reference.kind == "correct") == ((True, False) if which == "fixed" else (False, True))


def _reference(state: RunState, found: TrainingResult) -> TrainingResult | None:
    """The baseline after as many steps with the same seed; for the baseline, the policy before GRPO."""
    if found.id == POLICY:
        return None
    if found.id == BASELINE:
        return state.results.get(POLICY)
    like = (BASELINE, found.rung, found.seed, "done")
    return next((r for r in state.trainings.values() if (r.id, r.rung, r.seed, r.status) == like), None)


def _answer(outcome: Outcome, texts: Mapping[str, str]) -> Answer:
    return Answer(kind=outcome.kind, prediction=outcome.prediction, completion=texts.get(outcome.id))


def _prompts(state: RunState) -> tuple[dict[str, str], str | None]:
    """The prompts of the questions by id; empty, with the reason, if the rows cannot be loaded."""
    try:
        rows = load_task(state.config.task).rows(state.config.ranked_on)
    except UserError as error:
        return {}, str(error)
    return {row.id: row.prompt_text for row in rows}, None
