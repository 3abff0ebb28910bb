"""Greedy evaluation: an outcome per question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardsearch.records import Outcome, Row
from rewardsearch.screen.generate import generate
from rewardsearch.screen.policy import Policy
from rewardsearch.tasks import Task


def evaluate(
    model: Any, policy: Policy, task: Task, rows: Sequence[Row], max_tokens: int, batch_size: int
) -> tuple[Outcome, ...]:
    """Greedy completions of `rows`, at most `max_tokens` tokens each, and their outcomes, in the order of `rows`."""
    greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    completions = generate(model, policy, rows, max_tokens, batch_size, **greedy)
    return tuple(task.outcome(row, text, length) for row, (text, length) in zip(rows, completions, strict=True))
