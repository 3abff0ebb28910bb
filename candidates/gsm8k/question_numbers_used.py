"""Rewards working that uses the numbers of the question: the share of them that the thinking section mentions.

A right answer is paid as well, so that listing the numbers alone stays below solving the problem.
"""

import re
from decimal import Decimal

ALL_USED = 1.0
RIGHT = 2.0

AMOUNT = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def number(text):
    """The number that the whole text is; None for any other text."""
    text = DASH.sub("-", text).strip()
    return Decimal(PASSED_OVER.sub("", text).rstrip(".")) if NUMBER.fullmatch(text) else None


def amounts(text):
    """The numbers that occur in a text, without their signs."""
    return [float(found.replace(",", "")) for found in AMOUNT.findall(text)]


def used(prompt, completion):
    wanted, thinking = set(amounts(prompt)), THINKING.search(completion)
    if not wanted or thinking is None:
        return 0.0
    return ALL_USED * len(wanted & set(amounts(thinking.group(1)))) / len(wanted)


def right(completion, gold):
    tag = SOLUTION.search(completion)
    given = number(tag.group(1)) if tag else None
    return RIGHT if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "numbers_used": [used(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
