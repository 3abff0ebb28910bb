import pytest

from rewardsearch.records import Row
from rewardsearch.rewards.identity import candidate_id

CODE = "def reward(prompts, completions, answer, **columns):\n    return [0.0 for c in completions]\n"


def test_an_id_ignores_comments_docstrings_and_formatting() -> None:
    same = (
        '"""Doc."""\n\n# note\ndef reward(prompts, completions, answer, **columns):\n'
        '    """Doc."""\n    return [0.0  for c in completions]'
    )
    assert candidate_id(same) == candidate_id(CODE)


def test_an_id_does_not_depend_on_how_warnings_are_treated() -> None:
    odd = CODE.replace("[0.0", "[float('\\d' in c)")
    assert candidate_id(odd) == candidate_id("# note\n" + odd)


def test_an_id_follows_what_the_code_does() -> None:
    assert candidate_id(CODE.replace("0.0", "1.0")) != candidate_id(CODE)


@pytest.mark.parametrize("code", ["def (", "x = '\x00'", "(" * 5000, "\ud800", "x" * 50_000, ""])
def test_code_that_does_not_parse_has_an_id(code: str) -> None:
    assert len(candidate_id(code)) == 12


def test_a_reward_sees_the_last_message_of_a_chat_prompt() -> None:
    row = Row(id="1", prompt=[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}], answer="1")
    assert row.prompt_text == "u"
