"""Rewards as many people write them: the sandbox gives, to the last bit, what plain Python gives for the same file.

That the static policy passes them is in test_policy.py, that validation accepts them in tests/validate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from carried import labelled_for, task_for
from questions import gsm8k_task

from rewardsearch.config import Config, SandboxConfig
from rewardsearch.records import Batch, Candidate
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import RewardOutput, Sandbox
from rewardsearch.validation import validate
from rewardsearch.validation.calls import batch_of, joined, odd_inputs

ORDINARY = sorted((Path(__file__).parent / "ordinary").glob("*.py"))
CARRIED = sorted((Path(__file__).parents[2] / "candidates").glob("*/*.py"))


@lru_cache
def batch_for(task: str) -> Batch:
    """The odd texts come after the labelled completions in one batch: 128 of the first kind, one each of the second."""
    labelled = labelled_for(task)
    return joined([batch_of(labelled), *odd_inputs(labelled[0]).values()])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # The limits are the defaults: what an ordinary reward may use.
    with Sandbox(SandboxConfig()) as box:
        yield box


def in_process(code: str, batch: Batch) -> RewardOutput:
    """What the file gives in a fresh namespace of this process."""
    names: dict[str, Any] = {}
    exec(compile(code, "<ordinary>", "exec"), names)
    lists = {name: list(values) for name, values in batch.columns.items()}
    value = names["reward"](
        prompts=list(batch.prompts), completions=list(batch.completions), answer=list(batch.answer), **lists
    )
    if isinstance(value, list):
        return RewardOutput(tuple(map(float, value)))
    rows = {name: tuple(map(float, row)) for name, row in value.items()}
    return RewardOutput(tuple(map(sum, zip(*rows.values(), strict=True))), rows)


def bits(output: RewardOutput) -> tuple[bytes, list[tuple[str, bytes]]]:
    def pack(row: tuple[float, ...]) -> bytes:
        return struct.pack(f"<{len(row)}d", *row)

    return pack(output.rewards), [(name, pack(row)) for name, row in output.components.items()]


@pytest.mark.parametrize("file", [*ORDINARY, *CARRIED], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_sandbox_gives_what_plain_python_gives(sandbox: Sandbox, file: Path) -> None:
    code = file.read_text(encoding="utf-8")
    batch = batch_for(task_for(file))
    sandboxed = sandbox.call(code, batch)
    assert bits(sandboxed) == bits(in_process(code, batch))
    assert sandboxed.changed == ()


def test_rewards_for_gsm8k_are_accepted_for_gsm8k(tmp_path: Path) -> None:
    files = [file for file in ORDINARY if file.stem.startswith("gsm8k_")]
    assert files
    codes = [file.read_text(encoding="utf-8") for file in files]
    candidates = [Candidate(id=candidate_id(c), name=f.stem, code=c) for f, c in zip(files, codes, strict=True)]
    verdicts = validate(candidates, gsm8k_task(tmp_path), Config())
    assert {c.name: v.reason for c, v in zip(candidates, verdicts, strict=True) if not v.accepted} == {}


def test_the_ordinary_rewards_are_many_and_distinct() -> None:
    assert len(ORDINARY) >= 36
    assert len({candidate_id(file.read_text(encoding="utf-8")) for file in ORDINARY}) == len(ORDINARY)
