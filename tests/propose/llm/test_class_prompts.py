"""What prompts of a class task say that others do not: its classes and columns, and rewards that work on it as examples."""

from __future__ import annotations

import re

from class_request import CLASSES, request_of_classes

from rewardsearch.config import Config, TaskConfig
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.records import Candidate, Request
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import load_task
from rewardsearch.validation import validate

BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RESUME = TaskConfig(name="resume", train_rows=20, val_rows=10, test_rows=10)
FIRST = Request(index=1, operator="fresh")


def test_the_classes_and_the_columns_are_told() -> None:
    prompt = build_prompt(request_of_classes(), FIRST, 16_000, structured=False)
    assert "The answer is one of two classes, SELECTED (the positive one) or REJECTED" in prompt.user
    assert "these columns, a list[str] each: `resume`, `job`; a text may be empty." in prompt.user
    assert "a wrong SELECTED, a wrong REJECTED and a missing answer" in prompt.user
    assert "number" not in prompt.system.partition("# Two examples")[2].partition("# Your reply")[0]


def test_a_first_request_of_a_class_task_knows_its_classes_and_its_columns() -> None:
    config = Config(task=RESUME)
    assert (first_request(config).classes, first_request(config).columns) == (CLASSES, ("resume", "job"))
    assert first_request(Config()).classes is None


def test_the_examples_of_a_class_task_are_accepted_without_a_flag() -> None:
    system = build_prompt(request_of_classes(), FIRST, 16_000, structured=False).system
    codes = [code for code in BLOCKS.findall(system) if "(the whole file)" not in code]
    assert len(codes) == 2
    candidates = [Candidate(id=candidate_id(code), name="example", code=code) for code in codes]
    verdicts = validate(candidates, load_task(RESUME), Config())
    assert [(verdict.accepted, verdict.reason, verdict.flags) for verdict in verdicts] == [(True, None, ())] * 2
