"""Each operator's full prompt for one run, as it is checked in: what a language model, or a person, is given to read.

With the environment variable UPDATE_SNAPSHOTS=1 the files are written anew; read what `git diff` then shows.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from told_classes import MUTATE as MUTATE_CLASSES
from told_classes import feedback_of_classes, request_of_classes
from told_run import ASKS, REPAIR, request

from rewardsearch.propose.llm.prompt import Prompt, again, build_prompt
from rewardsearch.records import Request

SNAPSHOTS = Path(__file__).parent / "snapshots"
ROOMY = 16_000
FIRST = Request(index=1, operator="fresh")
CUT_OFF = "the reply was cut off inside the code; it reached max_tokens (8000)"


@cache
def prompts() -> dict[str, Prompt]:
    """The prompts by the name of their file."""
    later = request()
    of_classes = request_of_classes(feedback_of_classes())
    mutation = build_prompt(later, ASKS["mutate"], ROOMY, structured=False)
    return {
        "first_round": build_prompt(request(round=1), FIRST, ROOMY, structured=False),
        **{move: build_prompt(later, ask, ROOMY, structured=False) for move, ask in ASKS.items()},
        "mutate_cut_short": build_prompt(later, ASKS["mutate"], mutation.tokens * 2 // 3, structured=False),
        "mutate_as_json": build_prompt(later, ASKS["mutate"], ROOMY, structured=True),
        "mutate_once_more": again(later, mutation, CUT_OFF, cut_off=True),
        "repair": build_prompt(request(round=2, attempt=1), REPAIR, ROOMY, structured=False),
        "classes_first_round": build_prompt(request_of_classes(), FIRST, ROOMY, structured=False),
        "classes_mutate": build_prompt(of_classes, MUTATE_CLASSES, ROOMY, structured=True),
    }


OTHERS = ("mutate_cut_short", "mutate_as_json", "mutate_once_more", "repair", "classes_first_round", "classes_mutate")


@pytest.mark.parametrize("name", ["first_round", *ASKS, *OTHERS])
def test_the_prompt_is_the_one_that_is_checked_in(name: str) -> None:
    prompt = prompts()[name]
    told = f"<!-- system -->\n\n{prompt.system}\n<!-- user -->\n\n{prompt.user}"
    path = SNAPSHOTS / f"{name}.md"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(told, encoding="utf-8")
    assert path.is_file(), "write it with UPDATE_SNAPSHOTS=1, and read it"
    assert path.read_text(encoding="utf-8") == told


def test_every_snapshot_is_of_a_prompt() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.md")} == set(prompts())
