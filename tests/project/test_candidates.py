"""The rewards that the project carries: each is accepted for its task, and the base rewards pay what they say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from number_texts import NUMBER_TEXTS
from questions import gsm8k_task

from rewardsearch.config import Config, TaskConfig, TrainConfig
from rewardsearch.config.training import BASE_REWARDS
from rewardsearch.files.resources import resource
from rewardsearch.files.templates import render
from rewardsearch.propose.grammar.catalogue import KINDS
from rewardsearch.propose.grammar.genome import Component, genome_of
from rewardsearch.propose.grammar.genome import render as render_genome
from rewardsearch.records import Candidate
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.tasks import load_task
from rewardsearch.tasks.numbers import read_number
from rewardsearch.validation import validate

CANDIDATES = resource("candidates")
FORM = "<thinking> 2 + 3 = 5. </thinking> <solution> 5 </solution>"


def files_for(task: str) -> list[Path]:
    base = [CANDIDATES / "base" / f"{name}.py" for name in BASE_REWARDS.get(task, TrainConfig().base_rewards)]
    return [*base, *sorted((CANDIDATES / task).glob("*.py"))]


def reward_in(file: Path) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    reward: Callable[..., Any] = names["reward"]
    return reward


def base(name: str, completion: str, gold: str = "5") -> float:
    (value,) = reward_in(CANDIDATES / "base" / f"{name}.py")(["How many?"], [completion], [gold])
    return float(value)


@pytest.mark.parametrize(
    ("completion", "gold", "value"),
    [
        ("<solution> SELECTED </solution>", "SELECTED", 3.0),
        ("<solution>\nrejected </solution>", "REJECTED", 3.0),
        ("<solution> SELECTED </solution>", "REJECTED", -5.0),
        ("<solution> REJECTED </solution>", "SELECTED", -1.5),
        ("<solution> SELECTED REJECTED </solution>", "SELECTED", -1.5),
        ("<solution> SELECTED", "SELECTED", 0.0),
        ("", "REJECTED", 0.0),
    ],
)
def test_a_wrong_selection_costs_more_than_a_missed_person(completion: str, gold: str, value: float) -> None:
    assert base("decision", completion, gold) == value


@pytest.mark.parametrize("name", ["arithmetic", "gsm8k", "resume", "contrast"])
def test_every_carried_reward_is_accepted_for_its_task(name: str, tmp_path: Path) -> None:
    small = TaskConfig.model_validate({"name": name, "train_rows": 32, "val_rows": 4, "test_rows": 4})
    task = gsm8k_task(tmp_path) if name == "gsm8k" else load_task(small)
    files = files_for(name)
    assert len(files) >= 3 + 3
    codes = [file.read_text(encoding="utf-8") for file in files]
    candidates = [
        Candidate(id=candidate_id(code), name=file.stem, code=code) for file, code in zip(files, codes, strict=True)
    ]
    verdicts = validate(candidates, task, Config())
    assert {c.name: v.reason for c, v in zip(candidates, verdicts, strict=True) if not v.accepted} == {}
    assert len({c.id for c in candidates}) == len(candidates)


@pytest.mark.parametrize("file", sorted(CANDIDATES.glob("*/*.py")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_carried_reward_begins_with_what_it_rewards(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert len(first) > 30


def test_the_default_base_rewards_are_carried_and_decision_is_the_only_other() -> None:
    defaults = [Config().train.base_rewards, *BASE_REWARDS.values()]
    names = {spec.name for each in defaults for spec in load_base_rewards(each)}
    assert {file.stem for file in (CANDIDATES / "base").glob("*.py")} - names == {"decision"}


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        (FORM, 3.0),
        (f"\n {FORM}\n", 3.0),
        ("<thinking>a</thinking>\n\n<solution>5</solution>", 3.0),
        (f"Sure! {FORM}", 0.0),
        (f"{FORM} Done.", 0.0),
        (f"{FORM} {FORM}", 0.0),
        ("<thinking> a </thinking> so <solution> 5 </solution>", 0.0),
        ("<solution> 5 </solution> <thinking> a </thinking>", 0.0),
        ("<thinking> </thinking> <solution> 5 </solution>", 0.0),
        ("<thinking> a </thinking> <solution> 5", 0.0),
        ("", 0.0),
    ],
)
def test_the_exact_form_is_paid_when_nothing_else_is_there(completion: str, value: float) -> None:
    assert base("format_exact", completion) == value


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        (FORM, 2.0),
        ("<thinking> a </thinking> <solution> 5", 0.5),
        ("<solution> 5 </solution>", -1.0),
        (f"{FORM} {FORM}", -4.0),
        ("", -4.0),
    ],
)
def test_each_tag_that_occurs_once_is_paid_and_each_other_costs(completion: str, value: float) -> None:
    assert base("format_approximate", completion) == value


@pytest.mark.parametrize(
    ("solution", "gold", "value"),
    [
        ("100", "100", 3.0),
        ("$1,000.00", "1000", 3.0),
        (".5", "0.5", 3.0),
        ("-3", "-3", 3.0),
        ("109", "100", 1.0),
        ("90", "100", 1.0),
        ("119", "100", 0.5),
        ("81", "100", 0.5),
        ("121", "100", -1.5),
        ("-100", "100", -1.5),
        ("3", "0", -1.5),
        ("99 or 100", "100", -1.5),
        ("a hundred", "100", -1.5),
    ],
)
def test_an_answer_is_paid_by_its_closeness(solution: str, gold: str, value: float) -> None:
    assert base("answer", f"<solution> {solution} </solution>", gold) == value


@pytest.mark.parametrize(
    ("solution", "gold", "value"),
    [
        ("SELECTED", "SELECTED", 3.0),
        ("selected", "SELECTED", 3.0),
        ("REJECTED", "SELECTED", -1.5),
        ("SELECTED REJECTED", "SELECTED", -1.5),
        ("SELECTED.", "SELECTED", -1.5),
        ("7", "SELECTED", -1.5),
        ("", "", -1.5),
    ],
)
def test_a_class_is_paid_where_it_stands_alone(solution: str, gold: str, value: float) -> None:
    assert base("answer", f"<solution>\n{solution} </solution>", gold) == value


@pytest.mark.parametrize("completion", ["", "The answer is 5.", "<solution> 5"])
def test_no_closed_solution_earns_nothing_for_its_answer(completion: str) -> None:
    assert base("answer", completion) == 0.0


def gold_readers() -> dict[str, str]:
    """The code of what the project carries that reads gold numbers: rewards, the grammar's parts, the prompt's example."""
    files = [
        CANDIDATES / "base/answer.py",
        *(CANDIDATES / "arithmetic").glob("*.py"),
        *(CANDIDATES / "gsm8k").glob("*.py"),
    ]
    found = {file.stem: file.read_text(encoding="utf-8") for file in files}
    found = {name: code for name, code in found.items() if "gold" in code.partition("import re")[2]}
    example = (
        render("system.j2", structured=False, classes=None, numeric=True, tags=True, measured=())
        .partition("```python\n")[2]
        .partition("```")[0]
    )
    kinds = [Component(kind.name, tuple(each.values[0] for each in kind.parameters)) for kind in KINDS]
    grammar = {f"grammar_{each.kind}": render_genome(genome_of([each])) for each in kinds}
    # Those that ask for calculations pay none of the completions below.
    reading = {name: code for name, code in grammar.items() if "number(answer)" in code and "def arrives" not in code}
    return {**found, "example": example, **reading}


@pytest.mark.parametrize(("name", "code"), gold_readers().items(), ids=gold_readers())
def test_every_carried_reward_reads_numbers_as_the_tasks_do(name: str, code: str) -> None:
    names: dict[str, Any] = {}
    exec(code, names)
    assert {text: names["number"](text) for text in NUMBER_TEXTS} == {text: read_number(text) for text in NUMBER_TEXTS}

    completions = [f"<thinking> x </thinking> <solution> {text} </solution>" for text in NUMBER_TEXTS]

    def paid(golds: Sequence[str]) -> list[float]:
        given = names["reward"](["How many?"] * len(golds), completions, golds)
        return [sum(values) for values in zip(*given.values(), strict=True)] if isinstance(given, dict) else given

    right, other = paid([value or "123" for value in NUMBER_TEXTS.values()]), paid(["456789"] * len(completions))
    assert all(map(math.isfinite, (*right, *other)))
    gains = {text: a - b for text, a, b in zip(NUMBER_TEXTS, right, other, strict=True)}
    assert {text for text, gain in gains.items() if gain > 0} == {text for text, value in NUMBER_TEXTS.items() if value}
    assert not any(gains[text] for text, value in NUMBER_TEXTS.items() if value is None)


def test_all_of_the_carried_readers_are_looked_at() -> None:
    assert len(gold_readers()) == 1 + 5 + 4 + 1 + 4
