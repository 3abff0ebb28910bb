"""Rewards having written at least one calculation, right or not, next to a small reward for a right answer.

Cheap to earn and easy to game: it asks for work without looking whether the work holds.
"""

import re
from decimal import Decimal

SHOWN = 1.0
RIGHT = 1.0

STEP = re.compile(r"(?<!\d)\d{1,9} *[-+*/] *\d{1,9} *= *\d")
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


def is_right(completion, gold):
    tag = SOLUTION.search(completion)
    given = number(tag.group(1)) if tag else None
    return given is not None and given == number(gold)


def reward(prompts, completions, answer, **columns):
    return {
        "work_shown": [SHOWN if STEP.search(completion) else 0.0 for completion in completions],
        "right_answer": [
            RIGHT if is_right(each, gold) else 0.0 for each, gold in zip(completions, answer, strict=True)
        ],
    }
