"""What prompts of a task that measures say that others do not: its numbers, and what they are of example completions."""

from __future__ import annotations

from pathlib import Path

from measured import MeasuredTask

from rewardsearch.config import Config, TaskConfig
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.records import Request
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import Meaning

HELPERS = Path(__file__).parents[2] / "helpers"
MEASURED = Config(task=TaskConfig(name=f"{HELPERS / 'measured.py'}:MeasuredTask"))
FIRST = Request(index=1, operator="fresh")


def test_a_prompt_lists_each_column_with_its_range_and_the_numbers_of_the_examples() -> None:
    prompt = build_prompt(first_request(MEASURED, examples=True), FIRST, 16_000, structured=False)
    for name, column in MeasuredTask.measures.meanings.items():
        assert f"- `{name}` ({column.range}): {column.text}\n" in prompt.user
    assert "`query_negative` and `query_batch` do not differ within a group" in prompt.user
    correct = next(line for line in prompt.user.splitlines() if line.startswith("- correct: "))
    assert "rank 1, " in correct and correct.endswith("finished 1")
    assert "measured columns, a list[float] each" in prompt.system


def test_a_prompt_of_another_task_does_not_mention_measured_columns() -> None:
    prompt = build_prompt(first_request(Config(), examples=True), FIRST, 16_000, structured=False)
    assert "easured" not in prompt.user + prompt.system


def test_a_range_is_written_by_its_ends() -> None:
    ends = ((-1.0, 1.0), (1.0, None), (None, 0.0), (None, None))
    assert [Meaning("", *each).range for each in ends] == ["-1 to 1", "1 or more", "0 or less", "any number"]
