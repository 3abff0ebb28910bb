"""Small banks of a class task by hand: completions of a pair by letters."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rewardsearch.config import TaskConfig
from rewardsearch.records import Rollout
from rewardsearch.tasks.forms import TAGS
from rewardsearch.tasks.resume import ResumeTask

TASK = ResumeTask(TaskConfig(name="resume", train_rows=48, val_rows=4, test_rows=4))
POSITIVE, NEGATIVE = TASK.classes


def rollouts(groups: Sequence[str]) -> tuple[Rollout, ...]:
    """A group of completions for each of the first rows, with reasons of the pair: c the right class, w the other one, u no
    tags at all."""
    rng, found = random.Random(0), []
    for row, pair, letters in zip(TASK.rows("train"), TASK.pairs("train"), groups, strict=False):
        other = NEGATIVE if row.answer == POSITIVE else POSITIVE
        for letter in letters:
            reason = rng.choice((pair.demonstrated, *pair.reasons))
            text = reason if letter == "u" else TAGS.write(row.answer if letter == "c" else other, reason)
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


JUDGED = rollouts(["cccccc", "cccccc", "cccccw", "cccccw", "cccccc", "cccccc", "wwccwc", "wwccwc"] * 6)
"""48 pairs, 83 % of their completions right."""
