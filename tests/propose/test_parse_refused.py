"""Replies without a reward: the reason is told in words, and nothing that was cut off is taken for whole."""

from __future__ import annotations

import json

import pytest
from chat_server import reward_code
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rewardsearch.propose.parse import NoCode, parse_reply

CODE = reward_code(1.0)
SIGNATURE = "reward(prompts, completions, answer, **columns)"
NO_REWARD = f"no code block of the reply defines {SIGNATURE}"
NOTHING = f"nothing in the reply defines {SIGNATURE}"
CUT = "the reply was cut off inside the code"
CUT_THINKING = "the reply was cut off while thinking, before any code"
REFUSED = "the model refused to write a reward"
NO_CODE = "the reply has no code block"
NO_JSON_CODE = 'the JSON of the reply has no "code" that defines the reward'
DIFF = "the reply is a diff; the whole file is wanted"
AS_JSON = json.dumps({"name": "Gold", "code": CODE})
PATCH = f"--- a/reward.py\n+++ b/reward.py\n@@ -4,2 +4,2 @@\n def {SIGNATURE}:\n-    return []\n+    return [1.0]\n"


def fenced(code: str) -> str:
    return f"Name: Gold\n\n```python\n{code}```\n"


def reason(text: str) -> str:
    with pytest.raises(NoCode) as error:
        parse_reply(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the reply is empty"),
        (" \r\n\t\ufeff", "the reply is empty"),
        ("\ufeff\u200b\n", "the reply is empty"),
        ("<think>done</think>\n", "the reply is empty after its thoughts"),
        ("<|im_start|>assistant\n<|im_end|>", "the reply is empty"),
        ("I'm sorry, but I can't help with that.", REFUSED),
        ("I’m sorry, but I can’t assist with that request.", REFUSED),
        ("Sorry, I am unable to write code that manipulates models.", REFUSED),
        ("I cannot in good conscience write this reward.", REFUSED),
        ("I must decline this request.", REFUSED),
        ("As an AI language model, I have no rewards.", REFUSED),
        ("<think>\nHm.\n</think>\n\nI won't help with this.", REFUSED),
        (json.dumps({"name": "", "code": "", "refusal": "I cannot help with that."}), REFUSED),
        ("What would you like me to write?", NO_CODE),
        ("[1, 2]", NO_CODE),
        ('{"name": "Gold"}', NO_JSON_CODE),
        ('{"name": "Gold", "hypothesis": "It pays.", "code": ""}', NO_JSON_CODE),
        ('{"name": "Gold", "code": null}', NO_JSON_CODE),
        ('{"name": "Gold", "code": "Pay the gold number."}', NO_JSON_CODE),
        ("```bash\npip install rewards\n```", NO_REWARD),
        ("```python\nprint(reward(['a'], ['b'], ['c']))\n```", NO_REWARD),
        (f"```diff\n{PATCH}```", DIFF),
        (f"```python\n{PATCH}```", DIFF),
        (PATCH, DIFF),
        ("<<<<<<< SEARCH\n    return []\n=======\n    return [1.0]\n>>>>>>> REPLACE", DIFF),
        (
            fenced("def reward_fn(texts, **columns):\n    return []\n"),
            f"{NO_REWARD}: found reward_fn(texts, **columns)",
        ),
        (
            fenced("def reward(completions, **kwargs):\n    return []\n"),
            f"{NO_REWARD}: found reward(completions, **kwargs)",
        ),
        (
            fenced(f"async {CODE[CODE.index('def') :]}"),
            f"{NO_REWARD}: found async def {SIGNATURE}, a plain def is wanted",
        ),
        (
            fenced("class Reward:\n    def reward(self, text):\n        return 1.0\n"),
            f"{NO_REWARD}: found class Reward, a plain top-level function is wanted",
        ),
        (
            fenced("reward = lambda prompts, completions, answer, **columns: []\n"),
            f"{NO_REWARD}: found reward = .., a plain top-level function is wanted",
        ),
        (
            json.dumps({"code": "def score(text):\n    return 1.0\n"}),
            f"{NOTHING}: found score(text)",
        ),
        ("def score(text):\n    return 1.0\n", f"{NOTHING}: found score(text)"),
        ("[" * 5000, NO_CODE),
        ("I cannot do that.", REFUSED),
        ("<think>\nFirst", CUT_THINKING),
        (f"<think>\n{fenced(CODE)}", CUT_THINKING),
        (f"<|channel|>analysis<|message|>{fenced(CODE)}", CUT_THINKING),
        (f"```python\n{CODE}\n\ndef more(", CUT),
        (f"```python\n{CODE}\n\ndef more(text):\n    total = 1", CUT),
        (f"```python\ndef {SIGNATURE}:\n    return", CUT),
        (f"```python\ndef {SIGNATURE}:\n    scores = [1.0]\n    scor", CUT),
        (f"```python\ndef {SIGNATURE}:\n    return [score(text) for text in completions]\n\n", CUT),
        (f"def {SIGNATURE}:\n    scores = []\n    for text in completions:\n        scores.append(float(", CUT),
        (f"def {SIGNATURE}:\n    scores = []\n", CUT),
        (f"```python\ndef {SIGNATURE}:\n    out = []\n    for text in completions:\n        out.append(1.0)\n", CUT),
        (f"```python\ndef {SIGNATURE}:\n    if not prompts:\n        return []\n", CUT),
        ('{"name": "Gold", "hypothesis": "It pa', "the reply was cut off before the code"),
        ('{"name": "Gold", "code": "import re\\n\\ndef rew', CUT),
        (AS_JSON[:-2], CUT),
        (f"```json\n{AS_JSON[:-30]}", CUT),
        (json.dumps({"name": "Gold", "code": CODE.split("\n")})[:-30], CUT),
        (json.dumps(AS_JSON)[:-40], CUT),
    ],
)
def test_the_reason_is_told(text: str, why: str) -> None:
    assert reason(text) == why


@pytest.mark.parametrize(
    "text", [AS_JSON, json.dumps(AS_JSON), fenced(CODE), json.dumps({"code": CODE.split("\n")}), CODE]
)
def test_no_part_of_a_reply_gives_a_part_of_its_code(text: str) -> None:
    """Wherever a reply ends, either its code is taken whole or nothing is."""
    for end in range(len(text)):
        try:
            found = parse_reply(text[:end])
        except NoCode:
            continue
        # The last bracket ends the last line: nothing but white space and marks may be missing.
        assert found.code.strip("\n") == CODE.strip("\n")


def test_escaped_signs_that_the_code_means_stay() -> None:
    code = CODE.replace("gold in text", 'gold in text.replace("&lt;", "").replace("&gt;", "")')
    assert parse_reply(fenced(code)).code == code


def test_smart_quotes_in_strings_stay() -> None:
    code = CODE.replace("Pays the", "Pays the “gold’s”")
    assert parse_reply(fenced(code)).code == code


def test_helpers_that_do_not_complete_the_code_are_left_out() -> None:
    main = CODE.replace("gold in text", "known(gold) and unknown(text)")
    found = parse_reply(f"```python\ndef known(text):\n    return text\n```\n{fenced(main)}")
    assert found.code == main


MARKS = [
    "```", "```python\n", "```json\n", "~~~", "'''", '"""', '"', "'", "\\", "\n", "\r", " ", "    ", "\t", "\x00",
    "\ud800", "\ufeff", "\xa0", "{", "}", "[", "]", "(", ")", ":", ",", '{"code": "', '"name": "', "Name: ",
    "Hypothesis: ", "> ", "- ", "1. ", "# ", "**", "@@ ", "<think>", "</think>", "<thinking>", "</thinking>",
    "<|channel|>", "final<|message|>", "<|im_end|>", "&lt;", "“", "”", ">>> ", "Final answer:\n", "import re\n",
    f"def {SIGNATURE}:\n", "    return [1.0]\n", "def reward(", "class A:\n", "x = ", "not ", "-", "lambda: ", "f'{",
    "if x:\n", "I'm sorry", CODE, AS_JSON,
]  # fmt: skip


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=5), max_size=30).map("".join))
def test_any_text_gives_rewards_or_a_reason(text: str) -> None:
    try:
        found = parse_reply(text)
    except NoCode as error:
        assert str(error)
    else:
        assert "def reward" in found.code
        # What is found can be stored.
        assert found.model_dump_json()


BEGINNINGS = ["", f"```python\n{CODE}", f"{CODE}\n"]


@example("Final answer:\n```\n```\n", "")
@example(" ", f"{CODE}\n")
@settings(max_examples=15, deadline=5000)
@given(
    st.lists(st.sampled_from(MARKS), min_size=1, max_size=6).map("".join),
    st.sampled_from(["", "```python\n" + CODE, f"{CODE}\n"]),
)
def test_a_long_hostile_text_takes_no_long_time(unit: str, start: str) -> None:
    text = start + unit * (200_000 // len(unit))
    try:
        parse_reply(text)
    except NoCode as error:
        assert str(error)
