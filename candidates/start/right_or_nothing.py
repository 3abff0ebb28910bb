"""Pays a right answer in the asked form on top of the base rewards, and nothing for anything else."""

import re
from decimal import Decimal

RIGHT = 2.0

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")


def solution(completion):
    """The answer as it is written; None without one."""
    tag = SOLUTION.search(completion)
    return tag.group(1) if tag else None


def plain(text):
    """The form that two texts are compared in."""
    return text.strip().casefold()


def number(text):
    """The number that the whole text is; None for any other text."""
    text = DASH.sub("-", text).strip()
    return Decimal(PASSED_OVER.sub("", text).rstrip(".")) if NUMBER.fullmatch(text) else None


def score(completion, gold):
    said = solution(completion)
    if said is None:
        return 0.0
    given, wanted = number(said), number(gold)
    if wanted is None:
        return RIGHT if plain(said) == plain(gold) else 0.0
    return RIGHT if given == wanted else 0.0


def reward(prompts, completions, answer, **columns):
    return {"right": [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]}
