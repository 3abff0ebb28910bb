"""The draft that a model thinks aloud is never its answer, whatever marks stand around the reasoning."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import cycle, islice

import pytest

from rewardsearch.files import decoded_text
from rewardsearch.propose.parse import NoCode, parse_reply

SIGNATURE = "def reward(prompts, completions, answer, **columns):"
ANSWER = f'''"""Pays the answer in the asked form, such as

<thinking>
2 + 2
</thinking>
<solution> 4 </solution>
"""

import re

TAG = re.compile(r"<thinking>.*?</thinking>\\s*<solution>(.*?)</solution>", re.DOTALL)


{SIGNATURE}
    found = [TAG.search(c) for c in completions]
    return [2.0 if f and f.group(1).strip() == a else 0.0 for f, a in zip(found, answer)]
'''
DRAFT = ANSWER.replace("2.0", "9.0")
MARKS = {
    "think": ("<think>\n", "\n</think>\n"),
    "thinking": ("<thinking>\n", "\n</thinking>\n\n"),
    "reasoning": ("<reasoning>\n", "\n</reasoning>\n"),
    "thought": ("<thought>", "</thought>\n\n"),
    "scratchpad": ("<scratchpad>\n", "\n</scratchpad>\n"),
    "analysis": ("<analysis>\n", "\n</analysis>\n"),
    "own": ("<inner_monologue>\n", "\n</inner_monologue>\n"),
    "camel case": ("<antThinking>\n", "\n</antThinking>\n"),
    "attribute": ('<think time="12s">\n', "\n</think>\n"),
    "capitals": ("<Think>\n", "\n</THINK>\n"),
    "MiniMax": ("<mm:think>\n", "\n</mm:think>\n"),
    "Seed": ("<seed:think>\n", "\n</seed:think>\n"),
    "Kimi": ("◁think▷\n", "\n◁/think▷\n"),
    "Magistral": ("[THINK]", "[/THINK]"),
    "brackets": ("[REASONING]\n", "\n[/REASONING]\n"),
    "OpenThoughts": ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n"),
    "Cohere": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "DeepSeek": ("<｜begin▁of▁thinking｜>\n", "\n<｜end▁of▁thinking｜>\n"),
    "gpt-oss": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "gpt-oss without end": ("<|channel|>analysis<|message|>", "<|channel|>final <|constrain|>json<|message|>"),
    "Solar": ("<|think|>", "<|content|>"),
    "Gemma": ("<|channel>thought\n", "\n<channel|>"),
    "Ollama": ("Thinking...\n", "\n...done thinking.\n\n"),
    "dropped tokens": ("analysisWe draft. ", "\nassistantfinal"),
    "Open WebUI": ('<details type="reasoning" done="true">\n<summary>Thought for 9 s</summary>\n', "\n</details>\n"),
    "summary": ("<details>\n<summary>Thinking process</summary>\n\n", "\n</details>\n\n"),
}


def as_json(code: str, name: str) -> str:
    return json.dumps({"name": name, "hypothesis": "It pays.", "code": code})


def fenced(code: str, name: str) -> str:
    return f"Name: {name}\nHypothesis: It pays.\n\n```python\n{code}```\n"


DRAFTS = {
    "none": "Pay right answers in the <thinking> form; `</thinking>` ends it.",
    "fenced": f"A draft:\n\n{fenced(DRAFT, 'Draft')}\nNo, 9 is too much; 2 it is.",
    "broken off": f"A draft:\n```python\n{DRAFT[:-40]}\n\nNo, wait.",
    "whole, its fence open": f"```python\n{DRAFT}\nNo.",
    "bare": f"Perhaps\n\n{DRAFT}\nNo, 9 is too much.",
    "JSON": f"{as_json(DRAFT, 'Draft')}\nNo.",
    "fence of the form": "It looks like\n```\n<thinking>\n2 + 2\n</thinking>\n<solution>4</solution>\n```\nFine.",
}
ANSWERS = {
    "fenced": fenced(ANSWER, "Right"),
    "fence at once": f"```python\n{ANSWER}```\n\nName: Right\n",
    "bare": f"Name: Right\n\n{ANSWER}",
    "JSON": as_json(ANSWER, "Right"),
    "fenced JSON": f"```json\n{as_json(ANSWER, 'Right')}\n```\n",
    "in a tag": f"<answer>\n{fenced(ANSWER, 'Right')}</answer>",
}


def pairs(mark: str) -> list[tuple[str, str]]:
    """Drafts with answers: each with each for some marks, each draft with one answer for the others."""
    if mark in ("thinking", "gpt-oss"):
        return [(draft, answer) for draft in DRAFTS for answer in ANSWERS]
    first = list(MARKS).index(mark)
    return list(zip(DRAFTS, islice(cycle(ANSWERS), first, None), strict=False))


def each_pair(marks: Iterable[str]) -> pytest.MarkDecorator:
    cases = [pytest.param(mark, d, a, id=f"{mark}, {d}, {a}") for mark in marks for d, a in pairs(mark)]
    return pytest.mark.parametrize(("mark", "draft", "answer"), cases)


def check(reply: str) -> None:
    found = parse_reply(reply)
    assert (found.code.strip(), found.name) == (ANSWER.strip(), "Right")


@each_pair(MARKS)
def test_reasoning_before_the_answer_is_left_out(mark: str, draft: str, answer: str) -> None:
    opening, closing = MARKS[mark]
    check(f"{opening}{DRAFTS[draft]}{closing}{ANSWERS[answer]}")


@each_pair(each for each in MARKS if each not in ("Ollama", "dropped tokens"))
def test_reasoning_after_the_answer_is_left_out(mark: str, draft: str, answer: str) -> None:
    opening, closing = MARKS[mark]
    if DRAFTS[draft].count("```") % 2 == 0:
        check(f"{ANSWERS[answer]}\n\n{opening}{DRAFTS[draft]}{closing}\nDone.")
    check(f"{opening}So.{closing}{ANSWERS[answer]}\n\n{opening}{DRAFTS[draft]}")


@each_pair(
    each
    for each in MARKS
    if each
    not in (
        "gpt-oss",
        "gpt-oss without end",
        "Gemma",
        "Solar",
        "Ollama",
        "dropped tokens",
        "Open WebUI",
        "summary",
    )
)
def test_reasoning_whose_opening_stood_in_the_prompt_is_left_out(mark: str, draft: str, answer: str) -> None:
    check(f"{DRAFTS[draft]}{MARKS[mark][1]}{ANSWERS[answer]}")


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("mark", MARKS)
def test_a_reply_that_ends_while_thinking_has_no_answer(mark: str, draft: str) -> None:
    with pytest.raises(NoCode, match="cut off while thinking"):
        parse_reply(f"{MARKS[mark][0]}{DRAFTS[draft]}")


THINK, NO_THINK = MARKS["think"]
RIGHT = ANSWERS["fenced"]
WRONG = DRAFTS["fenced"]
SEVERAL = {
    "several thoughts": f"<think>{WRONG}</think>\n<think>\n{WRONG}</think>\n\n{RIGHT}\n<think>{WRONG}</think>",
    "prose between": f"<think>\n{WRONG}</think>\nLet me reconsider.\n<think>\n{WRONG}</think>\n{RIGHT}",
    "nested": f"<think>\na\n<think>\n{WRONG}\n</think>\nmore\n{WRONG}\n</think>\n{RIGHT}",
    "nested, another tag": f"<think>\na\n<reflection>\n{WRONG}\n</reflection>\n{WRONG}\n</think>\n{RIGHT}",
    "another closing tag": f"<think>\n{WRONG}\n</thinking>\n\n{RIGHT}",
    "closed twice": f"<think>\nx\n</think>\n{RIGHT}\n</think>",
    "opened in prose": f"Okay. <think>{WRONG}\nhm</think>\n\n{RIGHT}",
    "in bold": f"**<thinking>**\n{WRONG}\n**</thinking>**\n\n{RIGHT}",
    "quoted": f"> <think>\n> hm\n> </think>\n\n{RIGHT}",
    "a process without marks": f"Thinking Process:\n\n1. **Draft**\n{WRONG}\n2. Better.\n\n{RIGHT}",
    "a process that is closed": f"Thinking Process:\n\n1. **Draft**\n{WRONG}\n2. Better.\n</think>\n\n{RIGHT}",
    "closed in a fence": f"<think>\n```python\n{DRAFT}\n</think>\n```\n\n{RIGHT}",
    "closed in a fence of prose": f"<think>\n```\nnotes\n</think>\nName: Right\n```python\n{ANSWER}```\n",
    "thought in the fence": f"Name: Right\n```python\n<think>\nPay it.\n</think>\n{ANSWER}```\n",
    "all in a fence": f"````markdown\n<think>\nhm {WRONG}\n</think>\n{RIGHT}````",
    "two channels of thoughts": f"<|channel|>analysis<|message|>{WRONG}<|end|><|start|>assistant<|channel|>analysis<|message|>"
    f"{WRONG}<|end|><|start|>assistant<|channel|>commentary<|message|>I write it.<|end|><|start|>assistant<|channel|>final"
    f"<|message|>{RIGHT}<|return|>",
    "a box": f"<|assistant|><think>\n{WRONG}</think>\n<answer><|begin_of_box|>{RIGHT}<|end_of_box|></answer><|user|>",
    # The tags of the asked form are spoken of, and are no reasoning.
    "tags in prose": f"{RIGHT}\nThe work stands between <thinking> and </thinking>, and the answer follows.",
    "a closing tag in prose": f"{RIGHT}\nThe work must be closed by </thinking> before the answer.",
    "a closing tag in the idea": f"Name: Right\nHypothesis: Work that </thinking> ends pays.\n\n```python\n{ANSWER}```",
    "an example": f"{RIGHT}\n\nFor example\n\n<thinking>\n2 + 2 = 4\n</thinking>\n<solution>4</solution>\n\ngets 2.",
    "an example before": f"It is\n<thinking>2 + 2</thinking> <solution>4</solution>\n\n{RIGHT}",
    "an example in a fence": f"{RIGHT}\n\nFor example\n\n{DRAFTS['fence of the form']}",
}


@pytest.mark.parametrize("name", SEVERAL)
def test_however_the_marks_stand_the_answer_is_read(name: str) -> None:
    check(SEVERAL[name])


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (f"{THINK}It ends with </thinking> as asked.\n{WRONG}\nBut", "cut off while thinking"),
        (f"{THINK}{WRONG}{NO_THINK}\nI cannot help with that.", "the model refused"),
        (f"{WRONG}{NO_THINK}\nI cannot help with that.", "the model refused"),
        (f"{WRONG}{NO_THINK}\n```python\nimport re\n\ndef rew", "cut off inside the code"),
        (f"{THINK}{WRONG}{NO_THINK}\n```python\n{ANSWER[:-60]}", "cut off inside the code"),
        (f"{THINK}{WRONG}{NO_THINK}\n{ANSWERS['JSON'][:-60]}", "cut off inside the code"),
        (f"{THINK}{WRONG}{NO_THINK}\nThe reward pays 2.", "no code block"),
    ],
)
def test_a_draft_is_not_taken_where_the_answer_has_no_reward(reply: str, why: str) -> None:
    with pytest.raises(NoCode, match=why):
        parse_reply(reply)


@pytest.mark.parametrize("opening", [MARKS[mark][0] for mark in ("think", "Magistral", "gpt-oss", "Gemma")])
def test_an_answer_inside_the_reasoning_counts_where_nothing_is_outside_and_the_model_had_ended(opening: str) -> None:
    check(f"{THINK}{WRONG}\n{RIGHT}{NO_THINK}\n")
    found = parse_reply(f"{opening}{WRONG}\n{RIGHT}", is_ended=True)
    assert found.code == ANSWER
    with pytest.raises(NoCode, match="empty after its thoughts"):
        parse_reply(f"{opening}Pay right answers.", is_ended=True)


STUB = "def reward(prompts, completions, answer, **columns):\n    return [0.0] * len(prompts)\n"
LEFT_OUT = "def reward(prompts, completions, answer, **columns):\n    ...\n    return [1.0 for c in completions]\n"
NAMELESS = "def reward(prompts, completions, answer, **columns):\n    return [STRICT.count(c) for c in completions]\n"
IMPROVED = {
    "fenced": f"{WRONG}\nHere is the improved version:\n\n{RIGHT}",
    "twice": f"{WRONG}\nHm.\n{WRONG.replace('9.0', '8.0')}\nHm.\n{RIGHT}",
    "bare": f"First:\n\n{DRAFT}\nHere is the improved version.\n\nName: Right\n\n{ANSWER}\nDone.",
    "fenced, then bare": f"{WRONG}\nBetter:\n\nName: Right\n\n{ANSWER}\nDone.",
    "bare, then fenced": f"First:\n\n{DRAFT}\nBetter:\n\n{RIGHT}",
    "JSON": f"{as_json(DRAFT, 'Draft')}\nOn reflection:\n{ANSWERS['JSON']}",
    "JSON, then fenced": f"{as_json(DRAFT, 'Draft')}\nOn reflection:\n{RIGHT}",
    "fenced, then JSON": f"{WRONG}\nOn reflection:\n{ANSWERS['fenced JSON']}",
    "a stub after it": f"{RIGHT}\nA constant such as\n```python\n{STUB}```\nwould teach nothing.",
    "its signature after it": f"{RIGHT}\nIts signature:\n```python\n{SIGNATURE}\n    pass\n```",
    "a fragment after it": f"{RIGHT}\nYou could change it to\n```python\n{LEFT_OUT}```",
    "a fragment that lacks a name": f"{RIGHT}\nTo be stricter:\n```python\n{NAMELESS}```",
    "the contract before it": f"The contract is\n```python\n{STUB}```\n{RIGHT}",
}


@pytest.mark.parametrize("name", IMPROVED)
def test_the_last_complete_reward_counts(name: str) -> None:
    check(IMPROVED[name])


def test_an_improved_function_takes_the_unchanged_helpers_of_its_draft() -> None:
    helper = "def score(text, gold):\n    return float(gold in text)\n"
    use = f"{SIGNATURE}\n    return [WEIGHT * score(c, a) for c, a in zip(completions, answer)]\n"
    reply = (
        f"```python\n{helper}\n\n{use.replace('WEIGHT', '9')}```\nBetter:\n```python\n{use.replace('WEIGHT', '2')}```"
    )
    found = parse_reply(reply)
    assert found.code == f"{helper}\n\n{use.replace('WEIGHT', '2')}"


CALL = {"name": "Right", "hypothesis": "It pays.", "code": ANSWER}
CALLS = {
    "gpt-oss": f"<|channel|>analysis<|message|>{WRONG}<|end|><|start|>assistant<|channel|>commentary to=functions.submit "
    f"<|constrain|>json<|message|>{json.dumps(CALL)}<|call|>",
    "gpt-oss, other header": f"<|start|>assistant to=functions.submit<|channel|>commentary json<|message|>{json.dumps(CALL)}",
    "gpt-oss, said so": f"<|channel|>commentary to=functions.submit<|message|>{json.dumps(CALL)}<|call|>"
    "<|start|>assistant<|channel|>final<|message|>I have submitted it.<|return|>",
    "gpt-oss without tokens": f"analysisWe draft. {WRONG}assistantcommentary to=functions.submit json{json.dumps(CALL)}",
    "Hermes": f"<tool_call>\n{json.dumps({'name': 'submit', 'arguments': CALL})}\n</tool_call>",
    "Mistral": f"[TOOL_CALLS]submit[ARGS]{json.dumps(CALL)}",
    "Llama": f"<|python_tag|>{json.dumps({'name': 'submit', 'parameters': CALL})}<|eom_id|>",
    "Llama, code": f"<|python_tag|>{ANSWER}<|eom_id|>",
    "Kimi": f"<|tool_calls_section_begin|><|tool_call_begin|>functions.submit:0<|tool_call_argument_begin|>{json.dumps(CALL)}"
    "<|tool_call_end|><|tool_calls_section_end|>",
    "DeepSeek": f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>submit\n```json\n{json.dumps(CALL)}\n```<｜tool▁call▁end｜>",
    "Qwen3-Coder": "<tool_call>\n<function=submit>\n<parameter=code>\n"
    + ANSWER
    + "</parameter>\n</function>\n</tool_call>",
    "on one line": f"<tool_call><function=submit><parameter=code>{ANSWER.strip()}</parameter></function></tool_call>",
    "GLM": f"<tool_call>submit\n<arg_key>code</arg_key>\n<arg_value>{ANSWER}</arg_value>\n</tool_call>",
    "Anthropic": f'<invoke name="submit">\n<parameter name="code">{ANSWER}</parameter>\n</invoke>',
    "Pythonic": f"[submit(name='Right', code='''{ANSWER}''')]",
}


@pytest.mark.parametrize("name", CALLS)
def test_the_code_in_the_call_of_a_tool_is_read(name: str) -> None:
    assert parse_reply(CALLS[name]).code.strip() == ANSWER.strip()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8", "cp1252"])
def test_a_reply_saved_in_another_encoding_is_read(encoding: str) -> None:
    data = RIGHT.replace("It pays.", "It pays déjà.").encode(encoding)
    found = parse_reply(decoded_text(data))
    assert (found.code, found.rationale) == (ANSWER, "It pays déjà.")
    if "16" in encoding:
        # Another program has read it as UTF-8.
        check(data.decode("utf-8", "replace"))
