"""Greedy evaluation: a completion and an outcome per question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rewardsearch.records import Completion, Outcome, Row
from rewardsearch.tasks import Task
from rewardsearch.train.generate import OnBatch, generate
from rewardsearch.train.policy import Policy


class Answers(NamedTuple):
    """What a policy answered and what became of it, a question each, in the same order."""

    outcomes: tuple[Outcome, ...]
    completions: tuple[Completion, ...]


def evaluate(
    model: Any,
    policy: Policy,
    task: Task,
    rows: Sequence[Row],
    max_tokens: int,
    batch_size: int,
    *,
    on_batch: OnBatch = lambda done: None,
) -> Answers:
    """Greedy completions of `rows`, at most `max_tokens` tokens each, and their outcomes, in the order of `rows`."""
    greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    written = generate(model, policy, rows, max_tokens, batch_size, on_batch=on_batch, **greedy)
    return Answers(
        tuple(task.outcome(row, text, length) for row, (text, length) in zip(rows, written, strict=True)),
        tuple(Completion(id=row.id, completion=text) for row, (text, _) in zip(rows, written, strict=True)),
    )
