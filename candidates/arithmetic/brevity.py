"""Prefers short completions among those that answer: 2.0 at no words, falling to 0.0 at 24; a right answer earns 1.5.

A mediocre idea on purpose: work takes words, so this pays for leaving it out.
"""

import re
from decimal import Decimal

SHORTEST = 2.0
WORDS = 24
RIGHT = 1.5

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
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


def solution_of(completion):
    tag = SOLUTION.search(completion)
    return number(tag.group(1)) if tag else None


def brevity(completion):
    if solution_of(completion) is None:
        return 0.0
    return SHORTEST * max(0.0, 1.0 - len(completion.split()) / WORDS)


def right(completion, gold):
    given = solution_of(completion)
    return RIGHT if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "brevity": [brevity(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
