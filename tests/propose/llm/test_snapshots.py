"""Three full prompts as they are checked in: a first round, two parents with all their evidence, and a task with classes.

With the environment variable UPDATE_SNAPSHOTS=1 the files are written anew; read what `git diff` then shows.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from class_request import MUTATE as MUTATE_CLASSES
from class_request import feedback_of_classes, request_of_classes
from two_rounds import ASKS, request

from rewardsearch.propose.llm.prompt import Prompt, build_prompt
from rewardsearch.records import Request

SNAPSHOTS = Path(__file__).parent / "snapshots"
ROOMY = 16_000
FIRST = Request(index=1, operator="fresh")


@cache
def prompts() -> dict[str, Prompt]:
    """The prompts by the name of their file."""
    return {
        "first_round": build_prompt(request(round=1), FIRST, ROOMY, structured=False),
        "crossover": build_prompt(request(), ASKS["crossover"], ROOMY, structured=False),
        "classes_mutate": build_prompt(
            request_of_classes(feedback_of_classes()), MUTATE_CLASSES, ROOMY, structured=True
        ),
    }


@pytest.mark.parametrize("name", ["first_round", "crossover", "classes_mutate"])
def test_the_prompt_is_the_one_that_is_checked_in(name: str) -> None:
    prompt = prompts()[name]
    text = f"<!-- system -->\n\n{prompt.system}\n<!-- user -->\n\n{prompt.user}"
    path = SNAPSHOTS / f"{name}.md"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), "write it with UPDATE_SNAPSHOTS=1, and read it"
    assert path.read_text(encoding="utf-8") == text


def test_every_snapshot_is_of_a_prompt() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.md")} == set(prompts())
