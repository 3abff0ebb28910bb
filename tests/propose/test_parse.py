"""Rewards are found in replies as language models write them."""

from __future__ import annotations

import json

import pytest
from chat_server import reward_code

from rewardsearch.propose.parse import MAX_RATIONALE_CHARS, Found, NoCode, parse_reply

CODE = reward_code(1.0)
OTHER = reward_code(2.0)
DOCSTRING = "Pays the gold number."


def only(text: str) -> Found:
    (found,) = parse_reply(text)
    return found


def reason(text: str) -> str:
    with pytest.raises(NoCode) as error:
        parse_reply(text)
    return str(error.value)


def test_the_asked_form_gives_name_hypothesis_and_code() -> None:
    found = only(f"Name: Gold number\nHypothesis: It pays\nwhat counts.\n\n```python\n{CODE}```\n")
    assert found == Found(name="Gold number", rationale="It pays what counts.", code=CODE)


@pytest.mark.parametrize("mark", ["```", "~~~", "````", "  ```"])
@pytest.mark.parametrize("language", ["python", "py", "Python", ""])
def test_any_fence_of_python_is_taken(mark: str, language: str) -> None:
    assert only(f"Here:\n\n{mark}{language}\n{CODE}{mark}\nDone.").code == CODE


def test_windows_line_ends_are_taken() -> None:
    assert only(f"```python\n{CODE}```".replace("\n", "\r\n")).code == CODE


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("**Name:** Gold number", "Gold number"),
        ("### Name: `gold_number`", "gold_number"),
        ("- name = Gold number", "Gold number"),
        ("Reward name: **Gold number**", "Gold number"),
    ],
)
def test_a_name_is_found_in_markdown(line: str, name: str) -> None:
    assert only(f"{line}\n\n```python\n{CODE}```").name == name


def test_without_a_hypothesis_the_docstring_is_the_rationale() -> None:
    assert only(f"```python\n{CODE}```").rationale == DOCSTRING


def test_a_long_rationale_is_cut() -> None:
    found = only(f"Rationale: {'because ' * 500}\n\n```python\n{CODE}```")
    assert len(found.rationale) == MAX_RATIONALE_CHARS


def test_the_last_of_several_rewards_counts_with_its_own_name() -> None:
    assert only(f"Name: One\n```python\n{CODE}```\nBetter:\n\nName: Two\n```python\n{OTHER}```").name == "Two"


def test_a_block_without_a_reward_is_passed_over() -> None:
    text = f"As in\n```python\nx = 1\n```\n\n```bash\nrewardsearch run\n```\nso:\n```python\n{CODE}```"
    assert only(text).code == CODE


def test_a_fence_that_is_never_closed_is_taken_when_the_code_is_whole() -> None:
    assert only(f"```python\n{CODE}").code == CODE


def test_a_reply_cut_off_inside_the_code_is_refused() -> None:
    assert reason(f"```python\n{CODE}\n\ndef more(") == "the reply was cut off inside the code"


def test_a_second_reward_that_is_cut_off_does_not_cost_the_first() -> None:
    assert only(f"```python\n{CODE}```\n```python\ndef reward(prompts,").code == CODE


def test_closed_code_that_does_not_parse_is_left_to_validation() -> None:
    code = "def reward(prompts, completions, answer, **columns):\n    return [\n"
    assert only(f"```python\n{code}```").code == code


@pytest.mark.parametrize("wrap", ["{}", "Sure!\n```json\n{}\n```\nDone."])
def test_json_with_code_is_taken(wrap: str) -> None:
    text = json.dumps({"name": "Gold", "rationale": "It pays.", "code": CODE})
    assert only(wrap.replace("{}", text)) == Found(name="Gold", rationale="It pays.", code=CODE)


def test_a_list_of_json_rewards_is_taken() -> None:
    text = json.dumps({"candidates": [{"code": CODE}, {"code": OTHER, "name": "Other"}, {"name": "no code"}]})
    assert [(each.name, each.code) for each in parse_reply(text)] == [("", CODE), ("Other", OTHER)]


def test_code_that_is_fenced_inside_json_is_unwrapped() -> None:
    assert only(json.dumps({"code": f"```python\n{CODE}```"})).code == CODE


def test_half_a_character_becomes_a_question_mark() -> None:
    found = only(json.dumps({"rationale": "It \ud83d pays.", "code": f"# \ud83d\n{CODE}"}))
    assert found == Found(name="", rationale="It ? pays.", code=f"# ?\n{CODE}")
    code = CODE.replace("Pays", r"\ud83d Pays")
    assert only(f"```python\n{code}```") == Found(name="", rationale=f"? {DOCSTRING}", code=code)


def test_bare_code_is_found_between_prose() -> None:
    assert only(f"Here is my reward.\n\n{CODE}\nI hope that it helps.\n\nGood luck!").code.strip() == CODE.strip()


def test_thoughts_are_no_answer() -> None:
    text = f"<think>Name: Draft\n```python\n{OTHER}```\n</think>\n```python\n{CODE}```"
    assert only(text) == Found(name="", rationale=DOCSTRING, code=CODE)


def test_thoughts_whose_opening_tag_the_server_took_are_no_answer() -> None:
    assert only(f"First\n```python\n{OTHER}```\n</think>\n\n```python\n{CODE}```").code == CODE


def test_think_tags_inside_the_code_stay_there() -> None:
    code = CODE.replace("Pays", "Pays after <think> .. </think>")
    assert only(f"```python\n{code}```").code == code


def test_a_reply_cut_off_while_thinking_is_refused() -> None:
    assert reason(f"<think>\n```python\n{CODE}```") == "the reply was cut off while thinking, before any code"
