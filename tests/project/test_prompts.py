"""Every prompt that is checked in renders in full, and a name without a value is an error."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from two_rounds import ASKS, REPAIR, TASK, request

from rewardsearch.config import Config
from rewardsearch.files.resources import resource
from rewardsearch.files.templates import prompt_source, render
from rewardsearch.propose import build_prompt
from rewardsearch.propose.llm.prompt import again
from rewardsearch.records import Candidate, Request
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import check_static
from rewardsearch.validation import validate

CARRIED = sorted(path.name for path in resource("prompts").glob("*.j2"))
MACROS = "_evidence.j2"
BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ROOMY = 100_000


def system(structured: bool = False) -> str:
    return render("system.j2", structured=structured, classes=None, numeric=True, tags=True, measured={})


def first_round(count: int) -> list[str]:
    """The first round's requests, as they are asked before anything was trained."""
    asked = request(round=1).model_copy(update={"feedback": None, "count": count})
    return [
        build_prompt(asked, Request(index=place, operator="fresh"), ROOMY, False).user for place in range(1, count + 1)
    ]


def task(base_rewards: Sequence[tuple[str, str]]) -> str:
    nothing = {"training": "", "scale_rewards": "", "limits": None, "classes": None, "columns": (), "examples": ()}
    nothing |= {"measured": {}, "constant": ()}
    return render("_task.j2", base_rewards=base_rewards, task="t", description="b", cut=(), **nothing)


def rendered() -> dict[str, list[str]]:
    """Everything that is told, by the template that it begins with."""
    later = request()
    assert later.feedback is not None
    moves = {f"{move}.j2": build_prompt(later, ask, ROOMY, False) for move, ask in ASKS.items()}
    once_more = again(later, moves["mutate.j2"], "the reply is empty", cut_off=True)
    return {
        **{name: [prompt.user] for name, prompt in moves.items()},
        "fresh.j2": [moves["fresh.j2"].user, *first_round(7)],
        "repair.j2": [build_prompt(request(round=2, attempt=1), REPAIR, ROOMY, False).user],
        "again.j2": [once_more.user],
        "system.j2": [system(), system(structured=True)],
        "feedback.j2": [later.feedback.text],
    }


def test_every_prompt_renders_in_full() -> None:
    texts = rendered()
    assert sorted(texts) == [name for name in CARRIED if not name.startswith("_")]
    for name, prompts in texts.items():
        for text in prompts:
            assert len(text) > 100, name
            assert not re.search(r"\{\{|\{%|\{#|%\}", text), name
            assert "\n\n\n\n" not in text, name


def test_every_part_is_part_of_a_prompt() -> None:
    sources = {name: prompt_source(name) for name in CARRIED}
    for part in CARRIED:
        if part.startswith("_"):
            assert any(f'"{part}"' in source for name, source in sources.items() if name != part), part


@pytest.mark.parametrize("name", sorted(set(CARRIED) - {MACROS, "_reading.j2"}))
def test_a_name_without_a_value_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        render(name)


def test_an_unknown_prompt_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("nowhere.j2")


def test_code_is_carried_as_it_is() -> None:
    for name, code in request(round=1).base_rewards:
        assert f"## {name}\n\n```python\n{code.strip()}\n```\n" in task(request(round=1).base_rewards)


def test_template_marks_in_code_stay_code() -> None:
    code = "x = '{{ 7 * 7 }} {% raw %} {# no comment #}'"
    assert code in task([("sly", code)])


def test_a_fence_in_code_does_not_end_its_block() -> None:
    code = 'FENCE = """\n```\n"""'
    assert f"\n{'`' * 12}python\n{code}\n{'`' * 12}\n" in task([("sly", code)])


def test_nothing_in_a_prompt_is_escaped_for_html() -> None:
    assert '"<thinking> 9 + 4 = 13. </thinking> <solution> 13 </solution>"' in first_round(1)[0]


def test_the_source_of_a_prompt_is_its_file() -> None:
    assert prompt_source("mutate.j2") == (resource("prompts") / "mutate.j2").read_text(encoding="utf-8")


def test_candidates_of_the_first_round_start_from_different_sides() -> None:
    texts = first_round(6)
    assert len({text.replace(f"number\n{place}.", "") for place, text in enumerate(texts, start=1)}) == 6


def test_changes_of_the_same_reward_look_at_different_sides_first() -> None:
    parents = ASKS["mutate"].parents
    asks = [Request(index=place, operator="mutate", parents=parents) for place in range(1, 6)]
    ends = {build_prompt(request(), ask, ROOMY, False).user.partition("look first at")[2] for ask in asks}
    assert len(ends) == 5


def test_a_round_whose_rewards_all_failed_says_that_none_was_trained() -> None:
    text = build_prompt(request(round=1), Request(index=1, operator="fresh"), ROOMY, False).user
    assert "No reward beside the base rewards" in text


def test_the_worked_examples_are_accepted_without_a_flag() -> None:
    codes = [code for code in BLOCKS.findall(system()) if "(the whole file)" not in code]
    assert len(codes) == 2
    verdicts = validate([Candidate(id=candidate_id(code), name="example", code=code) for code in codes], TASK, Config())
    assert [(verdict.accepted, verdict.reason, verdict.flags) for verdict in verdicts] == [(True, None, ())] * 2


def test_the_imports_that_the_prompt_allows_are_allowed() -> None:
    listed = re.search(r"Allowed imports: (.*?)\.", system(), re.DOTALL)
    assert listed is not None
    names = re.split(r",\s+", listed.group(1))
    assert len(names) == 16
    reward = "\n\ndef reward(prompts, completions, answer, **columns):\n    return [0.0] * len(completions)\n"
    assert [name for name in names if check_static(f"import {name}{reward}") is not None] == []


def test_the_names_that_the_prompt_forbids_are_refused() -> None:
    listed = re.search(r"Not allowed: .*?attributes that\s+begin with one,\s+(.*?);", system(), re.DOTALL)
    assert listed is not None
    names = re.split(r",\s+", listed.group(1))
    assert names == ["open", "eval", "exec", "getattr", "setattr", "globals", "hash", "id"]
    reward = "\n\ndef reward(prompts, completions, answer, **columns):\n    return [0.0] * len(completions)\n"
    assert [name for name in names if check_static(f"x = {name}{reward}") is None] == []
