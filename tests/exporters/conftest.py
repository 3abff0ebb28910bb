"""Completions, and what the search pays them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from searched_rewards import SIZE, ensemble

from rewardsearch.config import SandboxConfig, TaskConfig
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.tasks import load_task


@pytest.fixture(scope="session")
def rows() -> Batch:
    """500 completions of a task with numbers: right ones, wrong ones, in and out of form, each with odd endings now and then."""
    items = load_task(TaskConfig(train_rows=100)).labelled(100)
    odd = ("", "\n", " 7", "</s", " <solution> 12 </solution>", "\u00bd{}")
    picked = [items[i % len(items)] for i in range(SIZE)]
    return Batch(
        prompts=tuple(item.row.prompt_text for item in picked),
        completions=tuple(item.completion + odd[i % len(odd)] for i, item in enumerate(picked)),
        answer=tuple(item.row.answer for item in picked),
        columns={name: tuple(item.row.columns[name] for item in picked) for name in picked[0].row.columns},
    )


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig()) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def paid(rows: Batch, sandbox: Sandbox) -> list[float]:
    """The weighted sum of the ensemble, as the search has it."""
    values = [[spec.weight * value for value in sandbox.call(spec.code, rows).rewards] for spec in ensemble()]
    return [sum(row) for row in zip(*values, strict=True)]
