"""What a trained policy answers to held-out questions, beside what the baseline answers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from rewardsearch.errors import UserError
from rewardsearch.records import BASELINE, POLICY, Outcome, OutcomeKind, Record, TrainingResult
from rewardsearch.session.runs import completions_of, evaluated

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.run.state import RunState

Which = Literal["all", "wrong", "fixed", "broken"]
_INDENT = 4


class Answer(Record):
    """One policy's answer to a question: what became of it, what was read from it, and the whole text (None where it was not
    kept)."""

    kind: OutcomeKind
    prediction: str | None
    completion: str | None


class Answered(Record):
    """A held-out question with an arm's answer and the reference's. `prompt` is None where the task's rows cannot be loaded."""

    id: str
    prompt: str | None
    gold: str
    answer: Answer
    reference: Answer | None


class Answers(Record):
    """The chosen answers of an arm after `steps` steps under `seed`, of `total` questions of `split`.

    reference: the arm that they are held against, trained as far under the same seed: the baseline, for the baseline itself the
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
    """The answers of an arm to the questions that it was ranked on: all, those not right, those that are right unlike the
    reference's (`fixed`), or the other way round (`broken`).

    Raises UserError for an arm that was not evaluated, and for `fixed` and `broken` where there is no reference.
    """
    found = evaluated(state, arm)
    against = _reference(state, found)
    if against is None and which in ("fixed", "broken"):
        raise UserError(
            f"--{which}: {arm} has nothing to be held against in {state.folder}; use --completions alone or with --wrong"
        )
    prompts, problem = _prompts(state)
    own, others = completions_of(state, found), completions_of(state, against) if against else {}
    before = {outcome.id: outcome for outcome in against.outcomes} if against else {}
    questions = [
        Answered(
            id=outcome.id,
            prompt=prompts.get(outcome.id),
            gold=outcome.gold,
            answer=_answer(outcome, own),
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


def print_answers(answers: Answers, names: Mapping[str, str], limit: int, console: Console) -> None:
    """The first `limit` of the answers, wrapped to the console."""
    from rewardsearch.cli.tables import print_lines

    reference = names.get(answers.reference or "", answers.reference)
    what = {
        "all": "answers",
        "wrong": "answers that are not right",
        "fixed": f"right, where {reference} is not",
        "broken": f"not right, where {reference} is",
    }[answers.which]
    shown = answers.questions[:limit]
    head = f"{len(answers.questions):,} of {answers.total:,} questions of {answers.split}: {what}"
    print_lines(console, "", *textwrap.wrap(head, console.width))
    if answers.problem:
        print_lines(console, *textwrap.wrap(f"questions are missing: {answers.problem}", console.width))
    for each in shown:
        print_lines(console, "", *_lines(each, reference, console.width))
    if len(shown) < len(answers.questions):
        more = f"{len(answers.questions) - len(shown):,} more; --limit N shows more, --json shows all"
        print_lines(console, "", *textwrap.wrap(more, console.width))


def _lines(each: Answered, reference: str | None, width: int) -> Iterator[str]:
    yield f"{each.id}  gold {each.gold}"
    yield from _block("question", each.prompt, width)
    yield from _block(_read(each.answer), each.answer.completion, width)
    if each.reference is not None:
        yield from _block(f"{reference} {_read(each.reference)}", each.reference.completion, width)


def _block(title: str, text: str | None, width: int) -> Iterator[str]:
    """A titled text, its own line breaks kept, longer lines wrapped."""
    yield f"  {title}:"
    for line in (text if text is not None else "(not kept)").splitlines() or [""]:
        wrapped = textwrap.wrap(line, max(20, width - _INDENT), drop_whitespace=False) or [""]
        yield from (f"{' ' * _INDENT}{part}".rstrip() for part in wrapped)


def _read(answer: Answer) -> str:
    return answer.kind if answer.prediction is None else f"{answer.kind}, {answer.prediction}"


def _is(each: Answered, which: Which) -> bool:
    right = each.answer.kind == "correct"
    if which in ("all", "wrong"):
        return which == "all" or not right
    if each.reference is None:
        return False
    return (right, each.reference.kind == "correct") == ((True, False) if which == "fixed" else (False, True))


def _reference(state: RunState, found: TrainingResult) -> TrainingResult | None:
    """What an arm is held against: the baseline trained as far under the same seed; the policy, for the baseline."""
    if found.id == POLICY:
        return None
    if found.id == BASELINE:
        return state.results.get(POLICY)
    like = (BASELINE, found.rung, found.seed, "done")
    return next((r for r in state.trainings.values() if (r.id, r.rung, r.seed, r.status) == like), None)


def _answer(outcome: Outcome, texts: Mapping[str, str]) -> Answer:
    return Answer(kind=outcome.kind, prediction=outcome.prediction, completion=texts.get(outcome.id))


def _prompts(state: RunState) -> tuple[dict[str, str], str | None]:
    """The prompts of the questions by id, and why there are none where the rows cannot be loaded."""
    from rewardsearch.tasks import load_task

    try:
        rows = load_task(state.config.task).rows(state.config.ranked_on)
    except UserError as error:
        return {}, str(error)
    return {row.id: row.prompt_text for row in rows}, None
