"""What a verifier is checked for before a search, as rewards are: right passes, empty and wrong fail, twice the same, fast."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import LabelledCompletion, Row
from rewardsearch.tasks.hostile import HOSTILE, HOSTILE_ANSWERS
from rewardsearch.tasks.labelled import OTHER_TEXTS
from rewardsearch.tasks.verifier.answers import VerifiedAnswers
from rewardsearch.tasks.verifier.runners import Pair

MAX_MEAN_S = 0.1
"""CPU seconds that `verify` may take for a completion, on average."""
_ROWS, _TIMED = 8, 4
"""Rows on which more than the gold answer is tried, and completions that the time is measured on."""
_BLANK = ("", " \n")


def check_verifier(
    answers: VerifiedAnswers, rows: Sequence[Row], examples: Sequence[LabelledCompletion], given: bool
) -> None:
    """Raises UserError, a line for each thing that is wrong.

    rows: of train and val. examples: completions that are to be judged as they are labelled. given: whether the file's function
    `examples` gave them; else the right ones state the gold answers in the answer form.
    """
    verify, form = f"{answers.key}: {answers.named}: {answers.function}", answers.form
    labelled = [(each.row, each.completion) for each in examples]
    first = rows[:_ROWS]
    golds = list(dict.fromkeys(row.answer for row in rows))
    blank = [(row, text) for row in first for text in _BLANK]
    wrong = [
        [(row, form.write(text)) for text in (*[gold for gold in golds if gold != row.answer][:_ROWS], *OTHER_TEXTS)]
        for row in first
    ]
    few = [*labelled[:_ROWS], *blank, *(pair for pairs in wrong for pair in pairs)]
    hostile = (*HOSTILE.values(), *(form.write(answer) for answer in HOSTILE_ANSWERS.values()))
    seen: dict[tuple[str, str], set[bool | None]] = {}

    def judged(pairs: Sequence[Pair]) -> list[bool | None]:
        verdicts = answers.judge(pairs)
        for (row, text), verdict in zip(pairs, verdicts, strict=True):
            seen.setdefault((row.id, text), set()).add(verdict)
        return verdicts

    try:
        # The first call may load something.
        judged(labelled[:1])
        before = answers.runner.used_s
        judged(labelled[:_TIMED])
        mean_s = (answers.runner.used_s - before) / len(labelled[:_TIMED])
        if mean_s > MAX_MEAN_S:
            raise UserError(
                f"{verify} takes {mean_s:.2g} s of CPU time a completion; at most {MAX_MEAN_S:g} s are allowed on average, since "
                f"a search judges many thousands; {answers.advice or 'make it faster'}"
            )
        found = judged(labelled)
        judged(few)
        judged(few[::-1])
        answers.judge([(rows[0], text) for text in hostile])
    except MachineError as error:
        raise UserError(str(error)) from None
    if changed := [key for key, verdicts in seen.items() if len(verdicts) > 1]:
        raise UserError(
            f"{verify} judges {changed[0][1][:60]!r} for row {changed[0][0]} differently when it is asked again; "
            f"{answers.advice or 'let its verdict follow from its arguments alone'}"
        )
    mistakes = _labels(answers, examples, found, given)
    if accepted := [row for row, text in blank if True in seen[row.id, text]]:
        mistakes.append(
            f"{verify} accepts an empty completion for row {accepted[0].id}; {answers.advice or 'let it return None'}"
        )
    if all_right := [pairs for pairs in wrong if all(True in seen[row.id, text] for row, text in pairs)]:
        row, text = all_right[0][-1]
        mistakes.append(
            f"{verify} accepts all {len(all_right[0])} answers that were tried for row {row.id}, such as {text[:60]!r}; "
            f"{answers.advice or 'let it return False for wrong ones'}"
        )
    if mistakes:
        raise UserError(*mistakes)


def _labels(
    answers: VerifiedAnswers, examples: Sequence[LabelledCompletion], verdicts: Sequence[bool | None], given: bool
) -> list[str]:
    """The first example that is judged otherwise than it is labelled, and how many are."""
    kinds: dict[bool | None, str] = {True: "correct", False: "wrong", None: "unparsed"}
    other = [
        (each, verdict)
        for each, verdict in zip(examples, verdicts, strict=False)
        if kinds[verdict] != each.kind and not (each.kind == "unparsed" and not each.completion.strip() and not verdict)
    ]
    if len(other) <= answers.tolerated * len(examples):
        return []
    each, verdict = other[0]
    what = f"the {each.kind} example" if given else f"the gold answer {each.row.answer[:40]!r} in the answer form,"
    remedy = (
        "correct `verify` or `examples`"
        if given
        else "correct `verify`, task.answer or task.form, or write `examples(row)`"
    )
    every = "every one" if len(other) == len(examples) else f"{len(other):,}"
    return [
        f"{answers.key}: {answers.named}: {answers.function} returned {verdict} on {what} {each.completion[:60]!r} for row "
        f"{each.row.id} ({every} of {len(examples):,} checked); {answers.advice or remedy}"
    ]
