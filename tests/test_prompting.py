"""Every prompt that is checked in renders in full, and a name without a value is an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import GOOD, LEVEL, make_run
from jinja2 import TemplateNotFound, UndefinedError

from rewardsearch.config import Config, TaskConfig
from rewardsearch.journal import read_run
from rewardsearch.prompting import prompt_source, render
from rewardsearch.propose import ProposalRequest
from rewardsearch.propose.briefing import MOVES, asks_of, system_prompt
from rewardsearch.records import Candidate, Verdict, candidate_id
from rewardsearch.resources import resource
from rewardsearch.sandbox import check_static
from rewardsearch.tasks import load_task
from rewardsearch.validate import validate

CARRIED = sorted(path.name for path in resource("prompts").glob("*.j2"))
TASK = load_task(TaskConfig())
BASE = (
    ("format", 'def reward(completions, **columns):\n    return [1.0 if "<a>" in c else 0 for c in completions]\n'),
)
BLOCKS = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def request_of_round_2(tmp_path: Path, write_reward) -> ProposalRequest:  # type: ignore[no-untyped-def]
    """What a run of one finished round asks of the second, one candidate for each move."""
    state = read_run(make_run(tmp_path / "run", [write_reward("always", "0.5")]))
    return ProposalRequest(
        round=2,
        count=len(MOVES),
        seed=0,
        task=TASK.name,
        brief=TASK.brief,
        base_rewards=BASE,
        feedback=state.feedbacks[1],
        folder=tmp_path,
    )


def rendered(request: ProposalRequest) -> dict[str, list[str]]:
    """The prompts as the stages render them, by template."""
    assert request.feedback is not None
    verdict = Verdict(candidate=GOOD.id, accepted=False, stage="contract", reason="returned nan")
    return {
        "system.j2": [system_prompt()],
        "first.j2": [ask.text for ask in asks_of(request.model_copy(update={"feedback": None, "count": 7}))],
        "later.j2": [ask.text for ask in asks_of(request)],
        "repair.j2": [ask.text for ask in asks_of(request.model_copy(update={"repairs": ((GOOD, verdict),)}))],
        "feedback.j2": [request.feedback.text],
        "_context.j2": [render("_context.j2", task="t", brief="b", base_rewards=())],
    }


def test_every_prompt_renders_in_full(request_of_round_2: ProposalRequest) -> None:
    texts = rendered(request_of_round_2)
    assert sorted(texts) == CARRIED
    for name, prompts in texts.items():
        for text in prompts:
            assert len(text) > 100, name
            assert not re.search(r"\{\{|\{%|\{#|%\}", text), name
            assert "\n\n\n\n" not in text, name


@pytest.mark.parametrize("name", sorted(set(CARRIED) - {"system.j2"}))
def test_a_name_without_a_value_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        render(name)


def test_an_unknown_prompt_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("nowhere.j2")


def test_code_is_carried_as_it_is(request_of_round_2: ProposalRequest) -> None:
    (text,) = [ask.text for ask in asks_of(request_of_round_2.model_copy(update={"feedback": None, "count": 1}))]
    assert BASE[0][1].strip() in text


def test_template_marks_in_code_stay_code() -> None:
    code = "x = '{{ 7 * 7 }} {% raw %}'"
    assert code in render("_context.j2", task="t", brief="b", base_rewards=(("sly", code),))


def test_the_source_of_a_prompt_is_its_file() -> None:
    assert prompt_source("first.j2") == (resource("prompts") / "first.j2").read_text(encoding="utf-8")


def test_candidates_of_the_first_round_start_from_different_sides(request_of_round_2: ProposalRequest) -> None:
    asks = asks_of(request_of_round_2.model_copy(update={"feedback": None, "count": 4}))
    assert len({ask.text.replace(f"number\n{place}.", "") for place, ask in enumerate(asks, start=1)}) == 4


def test_a_later_prompt_carries_feedback_parents_and_its_move(request_of_round_2: ProposalRequest) -> None:
    request = request_of_round_2
    assert request.feedback is not None
    for ask in asks_of(request):
        assert request.feedback.text.strip() in ask.text
        assert GOOD.code.strip() in ask.text
        assert LEVEL.code.strip() in ask.text
    moves = {ask.operator: ask.text for ask in asks_of(request)}
    assert f"Change one thing in {GOOD.name} ({GOOD.id})" in moves["mutate"]
    assert f"Make one reward of {GOOD.name} ({GOOD.id}) and {LEVEL.name} ({LEVEL.id})" in moves["crossover"]
    assert f"Take away from {GOOD.name}" in moves["simplify"]
    assert "an idea that none of the rewards above has" in moves["fresh"]


def test_a_round_whose_rewards_all_failed_asks_for_fresh_ones(request_of_round_2: ProposalRequest) -> None:
    assert request_of_round_2.feedback is not None
    feedback = request_of_round_2.feedback.model_copy(update={"parents": ()})
    asks = asks_of(request_of_round_2.model_copy(update={"feedback": feedback}))
    assert {(ask.operator, ask.parents) for ask in asks} == {("fresh", ())}
    assert "None: no reward was trained to the end so far." in asks[0].text


def test_one_parent_is_changed_where_two_would_be_crossed(request_of_round_2: ProposalRequest) -> None:
    assert request_of_round_2.feedback is not None
    feedback = request_of_round_2.feedback.model_copy(update={"parents": request_of_round_2.feedback.parents[:1]})
    asks = asks_of(request_of_round_2.model_copy(update={"feedback": feedback}))
    assert [ask.operator for ask in asks] == ["mutate", "mutate", "fresh", "mutate", "simplify"]


def test_the_worked_examples_are_accepted() -> None:
    codes = [code for code in BLOCKS.findall(system_prompt()) if "(the whole file)" not in code]
    assert len(codes) == 2
    verdicts = validate([Candidate(id=candidate_id(code), name="example", code=code) for code in codes], TASK, Config())
    assert [(verdict.accepted, verdict.reason) for verdict in verdicts] == [(True, None)] * 2


def test_the_imports_that_the_prompt_allows_are_allowed() -> None:
    listed = re.search(r"Allowed imports: (.*?)\.", system_prompt(), re.DOTALL)
    assert listed is not None
    names = re.split(r",\s+", listed.group(1))
    assert len(names) == 14
    reward = "\n\ndef reward(prompts, completions, answer, **columns):\n    return [0.0] * len(completions)\n"
    assert [name for name in names if check_static(f"import {name}{reward}") is not None] == []
