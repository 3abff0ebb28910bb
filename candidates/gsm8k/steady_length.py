"""Rewards a thinking section of 20 to 120 words, less outside that range, and a right answer.

A mediocre idea on purpose: length says little about whether the reasoning holds.
"""

import re
from decimal import Decimal

IN_RANGE = 1.0
SHORTEST = 20
LONGEST = 120
RIGHT = 2.0

FORM = re.compile(r"<thinking>(.*?)</thinking>\s*<solution>(.*?)</solution>", re.DOTALL)
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")


def number(text):
    """The number that the whole text is; None for any other text."""
    text = DASH.sub("-", text).strip()
    return Decimal(PASSED_OVER.sub("", text).rstrip(".")) if NUMBER.fullmatch(text) else None


def length(completion):
    found = FORM.search(completion)
    words = len(found.group(1).split()) if found else 0
    if words < SHORTEST:
        return IN_RANGE * words / SHORTEST
    return IN_RANGE * min(1.0, LONGEST / words)


def right(completion, gold):
    found = FORM.search(completion)
    given = number(found.group(2)) if found else None
    return RIGHT if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "length": [length(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
