"""Grades the answer by its distance from the gold number: 3.0 when equal, falling smoothly to -2.0 far away.

The distance is the difference in proportion to the larger of the two: the same for 3 against 4 and 300 against 400.
"""

import re
from decimal import Decimal

RIGHT = 3.0
FAR = -2.0
NEAR_MISS = 0.5

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
    given, wanted = number(tag.group(1)) if tag else None, number(gold)
    if given is None or wanted is None:
        return 0.0
    if given == wanted:
        return RIGHT
    near, target = float(given), float(wanted)
    largest = max(abs(near), abs(target))
    # Numbers too long for a float are infinite: as far as can be.
    distance = min(1.0, abs(near - target) / largest) if largest else 0.0
    return NEAR_MISS + (FAR - NEAR_MISS) * distance


def reward(prompts, completions, answer, **columns):
    return {"graded_answer": [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]}
