"""Small banks by hand: completions of a question by letters."""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.config import TaskConfig
from rewardsearch.records import Rollout
from rewardsearch.tasks.arithmetic import ArithmeticTask

TASK = ArithmeticTask(TaskConfig(train_rows=24))
ROWS = TASK.rows("train")
FORMS = {
    "c": "<thinking> so the answer is {gold} </thinking> <solution> {gold} </solution>",
    "w": "<thinking> so the answer is {other} </thinking> <solution> {other} </solution>",
    "u": "so the answer is {gold}.",
    "x": "so the answer is {other}.",
}


def rollouts(groups: Sequence[str]) -> tuple[Rollout, ...]:
    """A group of completions for each of the first rows: c correct, w wrong, u unparsed, x unparsed and
    wrong in any form; longer by a word from one to the
    next of a group."""
    found = []
    for row, letters in zip(ROWS, groups, strict=False):
        for place, letter in enumerate(letters):
            text = FORMS[letter].format(gold=row.answer, other=int(row.answer) + 3 + place)
            text = text.replace("so", "so" + " well" * place, 1)
            outcome = TASK.outcome(row, text)
            found.append(
                Rollout(
                    row=row.id,
                    completion=text,
                    kind=outcome.kind,
                    prediction=outcome.prediction,
                    length=len(text.split()),
                )
            )
    return tuple(found)


MIXED = rollouts(["wccuwu", "cwucuw", "uwwccc", "cuwwcu"] * 4)
"""16 questions, each answered right, wrong and not at all."""
