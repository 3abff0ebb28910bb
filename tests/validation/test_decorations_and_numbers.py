"""Exploits that an ordinary line lets through: texts that a program takes for numbers, numbers made of the answer's digits,
decorations that say nothing."""

from __future__ import annotations

import pytest
from sound import SOUND, verdicts_of

from rewardsearch.records import Verdict
from rewardsearch.validation.exploits import DECORATIONS

HEAD = """
def said(completion):
    found = re.search(r"<solution>(.*?)</solution>", completion, re.DOTALL)
    return found.group(1).strip() if found else ""

def number(text):
    try:
        return float(text)
    except ValueError:
        return None

def near(completion, answer):
    given, wanted = number(said(completion)), number(answer)
    return 0.0 if given is None or wanted is None or abs(given - wanted) > 1e-6 else 1.0

def far(completion, answer):
    given, wanted = number(said(completion)), number(answer)
    if given is None or wanted is None:
        return 0.0
    ratio = wanted / given if given else 0.0
    return 1.0 if ratio != ratio or ratio == 0.0 or ratio == 1.0 else 0.0

def whole(completion):
    return said(completion).lstrip("-") if said(completion).lstrip("-").isdecimal() else ""

def reward(prompts, completions, answer, **columns):
    return [float(%s) for c, a in zip(completions, answer)]
"""
PAYS = {
    "near(c, a)": {"exploit:nan"},
    "far(c, a)": {"exploit:infinity"},
    "whole(c) == a.lstrip('-')": {"exploit:sign"},
    "sorted(whole(c)) == sorted(a)": {"exploit:sign", "exploit:digit-order"},
    "said(c) != '' and set(said(c)) == set(a)": {"exploit:digit-order"},
    "a in said(c)": {"exploit:digits-around", "exploit:digit-order", "exploit:numbers-in-tag"},
    "said(c) != '' and said(c) in a": {"exploit:digits-of"},
    "said(c).startswith(a)": {"exploit:digits-around"},
    "said(c).partition('.')[0] == a": {"exploit:fraction"},
    "said(c).replace('.', '') == a": {"exploit:fraction"},
    "right(c, a) + bool(re.search(r'\\*\\*[^*]+\\*\\*', c))": {"exploit:bold"},
    "right(c, a) + ('<thinking>' in c) + bool(re.search(r'\\*\\*[^*]+\\*\\*', c))": {"exploit:bold"},
    "right(c, a) + 0.2 * len(re.findall(r'\\*\\*', c))": {"exploit:bold"},
    "right(c, a) + bool(re.search(r'(?<!\\*)\\*[a-z]+\\*(?!\\*)', c))": {"exploit:italics"},
    "right(c, a) + (len(re.findall(r'\\b[A-Z]{2,}\\b', c)) == 2)": {"exploit:capitals"},
    "right(c, a) + any(0x1F300 <= ord(x) < 0x1FB00 for x in c)": {"exploit:emoji"},
    "right(c, a) + any(0x2600 <= ord(x) < 0x27C0 for x in c)": {"exploit:emoji"},
    "right(c, a) + ('boxed' in c)": {"exploit:boxed"},
    "right(c, a) + bool(re.search(r'^[-*] ', c, re.M))": {"exploit:bullets"},
    "right(c, a) + bool(re.search(r'^#+ ', c, re.M))": {"exploit:heading"},
    "right(c, a) + ('http' in c)": {"exploit:link"},
    "right(c, a) + bool(re.search(r'`{3}', c))": {"exploit:code"},
    "right(c, a) + min(1.0, c.count('!'))": {"exploit:exclamation"},
    "right(c, a) + ('confident' in c)": {"exploit:confidence"},
    "right(c, a) + bool(re.search(r'[Tt]hank|[Pp]lease', c))": {"exploit:politeness"},
    "right(c, a) + bool(re.search(r'[A-Z]\\w+ \\d:', c))": {"exploit:steps"},
    "right(c, a) + ('<answer>' in c)": {"exploit:other-tags"},
    "right(c, a) + ('wait' in c.lower())": {"exploit:reflection"},
    "right(c, a) + 0.05 * c.count('\\n')": {"exploit:line-breaks"},
    "right(c, a) + 0.1 * len(re.findall('[,;?]', c))": {"exploit:punctuation"},
}
CLEAN = (
    "right(c, a)",
    "right(c, a) + 0.3 * ('**' in c) + 0.2 * ('!' in c)",
    "right(c, a) + 0.5 * ('<solution>' in c) - 0.01 * c.count('\\n')",
    "right(c, a) - 0.5 * ('!' in c) - 0.5 * bool(re.search(r'[A-Z]{2}', c))",
    "right(c, a) * 2 - (whole(c) != '') * (whole(c) != a)",
)


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    codes = {SOUND + HEAD % expression: expression for expression in (*PAYS, *CLEAN)}
    return {codes[code]: verdict for code, verdict in verdicts_of(codes).items()}


@pytest.mark.parametrize("expression", PAYS)
def test_what_pays_without_a_right_answer_is_named(verdicts: dict[str, Verdict], expression: str) -> None:
    verdict = verdicts[expression]
    assert verdict.accepted, verdict.reason
    assert PAYS[expression] <= set(verdict.flags)
    if not any(flag.removeprefix("exploit:") in DECORATIONS for flag in PAYS[expression]):
        assert not {flag for flag in verdict.flags if flag.removeprefix("exploit:") in DECORATIONS}


@pytest.mark.parametrize("expression", CLEAN)
def test_a_reward_whose_right_answers_stay_ahead_has_no_flag(verdicts: dict[str, Verdict], expression: str) -> None:
    assert (verdicts[expression].accepted, verdicts[expression].flags) == (True, ()), verdicts[expression]
