"""Pays a right number in the solution tag on top of the base rewards, and nothing for anything else."""

import re
from decimal import Decimal

RIGHT = 4.0

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


def score(completion, gold):
    tag = SOLUTION.search(completion)
    given = number(tag.group(1)) if tag else None
    if given is None:
        return 0.0
    return RIGHT if given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {"right_answer": [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]}
