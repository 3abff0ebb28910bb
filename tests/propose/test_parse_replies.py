"""Replies as frontier models, reasoning models and small models write them, each read as it was meant."""

from __future__ import annotations

import html
import json
import textwrap
from typing import NamedTuple

import pytest
from chat_server import reward_code

from rewardsearch.propose.parse import MAX_RATIONALE_CHARS, Found, parse_reply

SIGNATURE = "def reward(prompts, completions, answer, **columns):"
TAGS = f'''"""Pays what stands in the tags."""

import re

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
THINKING = re.compile(r"<thinking>\\s*(\\b\\w+.*?)</thinking>", re.DOTALL)


def score(text, gold):
    found = SOLUTION.search(text)
    return 1.0 if found and found.group(1).strip() == gold and len(text.split("\\n")) > 1 else 0.0


{SIGNATURE}
    return [score(text, gold) for text, gold in zip(completions, answer, strict=True)]
'''
OTHER = reward_code(2.0)
DRAFT = reward_code(9.0)
IDEA = "Pays what stands in the tags."
HELPER, MAIN = TAGS.split(f"\n\n{SIGNATURE}", 1)
HELPER, MAIN = HELPER.rstrip() + "\n", SIGNATURE + MAIN
AS_JSON = json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": TAGS})
NAMED = "Name: Tags\nHypothesis: It pays.\n"
FENCED = f"```python\n{TAGS}```"
RAW = json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": "HERE"})
ESCAPED = json.dumps(TAGS)[1:-1]
THOUGHT = f"Let me draft.\n\n```python\n{DRAFT}```\n\nNo, the <thinking> tag counts: `</thinking>` ends it.\n"


class Case(NamedTuple):
    name: str
    reply: str
    code: str = TAGS
    told: tuple[str, str] | None = ("Tags", "It pays.")
    """Name and rationale of the first reward; None where the reply tells neither."""


JSON_REPLIES = [
    Case("as asked", AS_JSON),
    Case("indented", json.dumps(json.loads(AS_JSON), indent=2)),
    Case("fenced", f"```json\n{AS_JSON}\n```"),
    Case("fenced without language", f"```\n{AS_JSON}\n```"),
    Case("prose around", f"Here is the reward you asked for:\n\n{AS_JSON}\n\nLet me know if it needs changes!"),
    Case("prose and fence", f"Sure! Here it is.\n```json\n{AS_JSON}\n```\nThis {{should}} work."),
    Case("trailing comma", AS_JSON[:-1] + ",}"),
    Case("missing comma", AS_JSON.replace('", "code"', '"\n"code"')),
    Case(
        "real line ends inside the string",
        RAW.replace("HERE", "\n".join(json.dumps(line)[1:-1] for line in TAGS.split("\n"))),
    ),
    Case("line ends and escapes both real", RAW.replace("HERE", TAGS.replace('"', '\\"'))),
    Case(
        "regular expressions not escaped", RAW.replace("HERE", ESCAPED.replace("\\\\s", "\\s").replace("\\\\w", "\\w"))
    ),
    Case("a word boundary that became a backspace", RAW.replace("HERE", ESCAPED.replace("\\\\b", "\\b"))),
    Case("an unescaped line end in a string of the code", RAW.replace("HERE", ESCAPED.replace("\\\\n", "\\n"))),
    Case("quotes not escaped", RAW.replace("HERE", TAGS)),
    Case("quotes not escaped, lines are", RAW.replace("HERE", ESCAPED.replace('\\"', '"'))),
    Case("Python literal", repr(json.loads(AS_JSON))),
    Case("triple-quoted", f'{{"name": "Tags", "hypothesis": "It pays.", "code": \'\'\'{TAGS}\'\'\'}}'),
    Case("raw and triple-quoted", f'{{"name": "Tags", "hypothesis": "It pays.", "code": r\'\'\'\n{TAGS}\'\'\'}}'),
    Case("backticks", f'{{"name": "Tags", "hypothesis": "It pays.", "code": `{TAGS.replace(chr(92), chr(92) * 2)}`}}'),
    Case("keys without quotes", AS_JSON.replace('"name":', "name:").replace('"code":', "code:")),
    Case("double-encoded", json.dumps(AS_JSON)),
    Case("code escaped twice", json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": ESCAPED})),
    Case("cut off after the code", AS_JSON[:-1]),
    Case(
        "code last but one, cut off",
        json.dumps({"name": "Tags", "code": TAGS, "hypothesis": "It pays."})[:-2],
        told=("Tags", IDEA),
    ),
    Case("code as lines", json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": TAGS.split("\n")})),
    Case(
        "code as lines with ends", json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": TAGS.splitlines(True)})
    ),
    Case("code twice, the same", AS_JSON[:-1] + f', "code": "{ESCAPED}"}}'),
    Case("code twice, the second empty", AS_JSON[:-1] + ', "code": ""}'),
    Case("code twice, the second cut off", AS_JSON[:-1] + f', "code": "{ESCAPED[:150]}'),
    Case("candidates", f'{{"candidates": [{json.dumps({"code": OTHER})}, {{"name": "no code"}}, {AS_JSON}]}}'),
    Case("one after another", f"{json.dumps({'code': OTHER})}\n{AS_JSON}"),
    Case("a draft and its final form", json.dumps({"draft": {"code": OTHER}, "final": json.loads(AS_JSON)})),
    Case("the second cut off", f"{AS_JSON}\n" + json.dumps({"code": OTHER})[:90]),
    Case("a tool call", json.dumps({"name": "Tags", "parameters": json.loads(AS_JSON)})),
    Case("a tool call with its arguments encoded", json.dumps({"function": {"name": "submit", "arguments": AS_JSON}})),
    Case("code fenced inside", json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": FENCED})),
    Case(
        "code fenced inside with prose",
        json.dumps({"name": "Tags", "hypothesis": "It pays.", "code": f"Here:\n{FENCED}\nDone."}),
    ),
    Case("an object without its beginning", AS_JSON[1:]),
    Case("thoughts before it", f"<think>\n{THOUGHT}</think>\n\n{AS_JSON}"),
    Case("Windows line ends in the code", json.dumps({**json.loads(AS_JSON), "code": TAGS.replace("\n", "\r\n")})),
]

MARKDOWN_REPLIES = [
    Case("as asked", f"{NAMED}\n{FENCED}"),
    Case("bold", f"**Name:** Tags\n**Hypothesis:** It pays.\n\n{FENCED}"),
    Case("headings", f"## Name\n\nTags\n\n## Hypothesis\n\nIt pays.\n\n## Code\n\n{FENCED}"),
    Case("told after the code", f"{FENCED}\n\nName: Tags\nHypothesis: It pays.\n"),
    Case("hypothesis before the name", f"Hypothesis: It pays.\nName: Tags\n\n{FENCED}"),
    Case("fenced as a whole", f"```markdown\n{NAMED}\n{FENCED}\n```"),
    Case("fenced as a whole, longer", f"````\n{NAMED}\n{FENCED}\n````"),
    Case(
        "a list indents it", "1. Name: Tags\n2. Hypothesis: It pays.\n\n3. Code:\n\n" + textwrap.indent(FENCED, "   ")
    ),
    Case("quoted", textwrap.indent(f"{NAMED}\n{FENCED}", "> ", lambda line: True)),
    Case("tildes", f"{NAMED}\n~~~python\n{TAGS}~~~"),
    Case("an attribute on the fence", f'{NAMED}\n```python title="reward.py"\n{TAGS}```'),
    Case("Gemini's tool code", f"{NAMED}\n```tool_code\n{TAGS}```"),
    Case("a wrong language", f"{NAMED}\n```javascript\n{TAGS}```"),
    Case("fence on the line of the prose", f"{NAMED}\nHere is the code: ```python\n{TAGS}```"),
    Case("fence on the last line of code", f"{NAMED}\n```python\n{TAGS.rstrip()}```\n\nIt is done."),
    Case("Windows line ends", f"{NAMED}\n{FENCED}".replace("\n", "\r\n")),
    Case("a byte-order mark and zero-width spaces", f"\ufeff\u200b{NAMED}\n{FENCED}"),
    Case("zero-width spaces in the code", f"{NAMED}\n```python\n\u200b{TAGS}```"),
    Case("no-break spaces indent it", f"{NAMED}\n```python\n" + TAGS.replace("    ", "\u00a0" * 4) + "```"),
    Case("tabs indent it", f"{NAMED}\n```python\n" + TAGS.replace("    ", "\t") + "```", TAGS.replace("    ", "\t")),
    Case("HTML-escaped", f"{NAMED}\n```python\n{html.escape(TAGS)}```"),
    Case("HTML-escaped, quotes are not", f"{NAMED}\n```python\n{html.escape(TAGS, quote=False)}```"),
    Case("smart quotes", f"{NAMED}\n```python\n" + TAGS.replace('"', "”") + "```"),
    Case("pip before it", f"{NAMED}\nFirst:\n```bash\npip install numpy\n```\nThen:\n{FENCED}"),
    Case("usage after it", f"{NAMED}\n{FENCED}\n\nUsage:\n```python\nprint(reward(['a'], ['b'], ['c']))\n```"),
    Case("a test after it", f"{NAMED}\n{FENCED}\n\n```python\ndef test():\n    assert reward([], [], []) == []\n```"),
    Case("usage in it", f"{NAMED}\n```python\n{TAGS}\nif __name__ == '__main__':\n    print(reward([], [], []))\n```"),
    Case("the same again", f"{NAMED}\n{FENCED}\n\nOnce more:\n{FENCED}"),
    Case("a final version", f"{NAMED}\n```python\n{DRAFT}```\nThis pays too much.\n\n### Final version\n\n{FENCED}"),
    Case("helpers apart", f"{NAMED}\n```python\n{HELPER}```\nand\n```python\n{MAIN}```", TAGS),
    Case("helpers after it", f"{NAMED}\n```python\n{MAIN}```\nwhere\n```python\n{HELPER}```", f"{MAIN}\n\n{HELPER}"),
    Case("never closed", f"{NAMED}\n```python\n{TAGS}"),
    Case(
        "never closed, prose follows",
        f"{NAMED}\n```python\n{TAGS}\nThis reward pays what counts, and it can't be hacked.",
    ),
    Case(
        "closed by the next block", f"{NAMED}\n```python\n{TAGS}\nUse it like this:\n```python\nreward([], [], [])\n```"
    ),
    Case("no opening fence", f"{TAGS}```\n\nName: Tags\nHypothesis: It pays."),
    Case("bare", f"{NAMED}\n{TAGS}"),
    Case("bare, prose follows", f"{NAMED}\n{TAGS}\nNote: short\n- fast\nIt's done, isn't it?"),
    Case("bare in tags", f"{NAMED}\n<code>\n{TAGS}</code>"),
    Case("bare in a chat template", f"<|im_start|>assistant\n{NAMED}\n{TAGS}<|im_end|>\n<|im_start|>user\nThanks"),
]

THOUGHTS = [
    Case("DeepSeek-R1", f"<think>\n{THOUGHT}</think>\n\n{NAMED}\n{FENCED}"),
    Case("DeepSeek-R1 behind vLLM", f"{THOUGHT}</think>\n\n{NAMED}\n{FENCED}"),
    Case("Qwen3 without thinking", f"<think>\n\n</think>\n\n{NAMED}\n{FENCED}"),
    Case("no line end around the tag", f"<think>{THOUGHT.strip()} So be it.</think>{NAMED}\n{FENCED}"),
    Case("a draft that was broken off", f"<think>\n```python\n{DRAFT}\n\nWait.\n</think>\n\n{NAMED}\n{FENCED}"),
    Case(
        "a draft with the tags",
        f"<thinking>\n```python\n{TAGS.replace('1.0', '9.0')}```\nGood.\n</thinking>\n\n{NAMED}\n{FENCED}",
    ),
    Case("tags within thoughts", f'<thinking>I match r"<thinking>(.*?)</thinking>".\n</thinking>\n{NAMED}\n{FENCED}'),
    Case(
        "several thoughts", f"<reasoning>\n{THOUGHT}</reasoning>\n<reflection>\nFine.\n</reflection>\n{NAMED}\n{FENCED}"
    ),
    Case("prose before the thoughts", f"Let me think.\n\n<thinking>\n{THOUGHT}</thinking>\n\n{NAMED}\n{FENCED}"),
    Case("an answer in tags", f"<think>\n{THOUGHT}</think>\n<answer>\n{NAMED}\n{FENCED}\n</answer>"),
    Case(
        "a Thought section", f"Thought: a draft first.\n```python\n{DRAFT}```\n\n**Final Answer:**\n\n{NAMED}\n{FENCED}"
    ),
    Case(
        "gpt-oss",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{NAMED}\n{FENCED}<|return|>",
    ),
    Case(
        "gpt-oss with JSON",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{AS_JSON}",
    ),
    Case("gpt-oss without its marks", f"analysisWe draft.\n{THOUGHT}assistantfinal{NAMED}\n{FENCED}"),
    Case("no thoughts, bare code with tags", f"{NAMED}\n{TAGS}"),
]


def check(case: Case) -> None:
    name, why = case.told or ("", IDEA)
    assert parse_reply(case.reply) == Found(name=name, rationale=why, code=case.code)


@pytest.mark.parametrize("case", [*JSON_REPLIES, *MARKDOWN_REPLIES, *THOUGHTS], ids=lambda case: case.name)
def test_a_reply_is_read_as_it_was_meant(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("mark", ["```", "~~~", "````", "  ```"])
@pytest.mark.parametrize("language", ["python", "py", "Python", ""])
def test_any_fence_of_python_is_taken(mark: str, language: str) -> None:
    check(Case("", f"{NAMED}\n{mark}{language}\n{TAGS}{mark}\nDone."))


@pytest.mark.parametrize("line", ["**Name:** Tags", "### Name: `Tags`", "- name = Tags", "Reward name: **Tags**"])
def test_a_name_is_found_in_markdown(line: str) -> None:
    check(Case("", f"{line}\n\n{FENCED}", told=("Tags", IDEA)))


def test_without_name_and_hypothesis_the_docstring_is_the_rationale() -> None:
    check(Case("", FENCED, told=None))
    check(Case("", TAGS, told=None))


def test_a_docstring_with_a_fence_in_it_is_left_out() -> None:
    shown = TAGS.replace(IDEA, f"{IDEA}\n\n```\n<thinking>2 + 2</thinking>\n```\n\nNothing else.\n")
    check(Case("", f"{NAMED}\n```python\n{shown}```\nDone.", TAGS[TAGS.index("import re") :]))


@pytest.mark.parametrize("answer", [TAGS, FENCED, AS_JSON], ids=["bare", "fenced", "JSON"])
def test_an_answer_after_long_thoughts_is_read(answer: str) -> None:
    long = "So a right answer pays, and a wrong one does not.\n" * 4000
    for thoughts in (long, f"<think>\n{long}</think>\n\n", f"<think>\n{f'{FENCED}{chr(10)}' * 150}</think>\n\n"):
        assert parse_reply(thoughts + answer).code == TAGS
    assert parse_reply(f"{answer}\n\n{long}").code == TAGS


def test_a_long_rationale_is_cut() -> None:
    found = parse_reply(f"Rationale: {'because ' * 500}\n\n{FENCED}")
    assert len(found.rationale) == MAX_RATIONALE_CHARS


def test_the_last_of_several_rewards_counts_with_its_own_name() -> None:
    check(Case("", f"Name: One\n```python\n{OTHER}```\nBetter:\n\n{NAMED}\n{FENCED}"))
    check(Case("", f"{NAMED}\n{FENCED}\n```python\ndef reward(prompts,"))


def test_closed_code_that_does_not_parse_is_left_to_validation() -> None:
    code = f"{SIGNATURE}\n    return [\n"
    assert parse_reply(f"```python\n{code}```").code == code


def test_half_a_character_becomes_a_question_mark() -> None:
    found = parse_reply(json.dumps({"rationale": "It \ud83d pays.", "code": f"# \ud83d\n{TAGS}"}))
    assert found == Found(name="", rationale="It ? pays.", code=f"# ?\n{TAGS}")
    code = TAGS.replace("Pays", r"\ud83d Pays")
    assert parse_reply(f"```python\n{code}```") == Found(name="", rationale=f"? {IDEA}", code=code)
