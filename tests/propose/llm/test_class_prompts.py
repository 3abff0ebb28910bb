"""What prompts of a class task say that others do not: its classes and columns, and rewards that work on it as examples."""

from __future__ import annotations

import re
from pathlib import Path

from class_request import CLASSES, request_of_classes

from rewardsearch.config import Config, TaskConfig
from rewardsearch.propose.llm.prompt import build_prompt
from rewardsearch.records import Candidate, Request
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import load_task
from rewardsearch.validation import validate

OUTSIDE = Path(__file__).parents[2] / "outside"
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


def test_the_examples_for_five_classes_are_accepted_and_name_every_class() -> None:
    config = Config(task=TaskConfig(name=f"{OUTSIDE / 'emotions.py'}:Emotions", train_rows=60))
    task, system = load_task(config.task), build_prompt(first_request(config), FIRST, 16_000, structured=False).system
    codes = [code for code in BLOCKS.findall(system) if "(the whole file)" not in code]
    assert len(codes) == 2 and all(f'"{name}"' in codes[0] for name in task.classes or ())
    candidates = [Candidate(id=candidate_id(code), name="example", code=code) for code in codes]
    assert [(each.accepted, each.flags) for each in validate(candidates, task, config)] == [(True, ())] * 2


def test_without_a_positive_class_macro_f1_is_what_counts_also_with_two_classes() -> None:
    request = request_of_classes().model_copy(update={"positive": None, "classes": ("yes", "no"), "columns": ()})
    prompt = build_prompt(request, FIRST, 16_000, structured=False)
    assert "macro F1" in prompt.system and "positive one" not in prompt.user and "POSITIVE" not in prompt.system
