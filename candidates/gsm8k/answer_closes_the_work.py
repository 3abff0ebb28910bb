"""Rewards a solution that is the last number of the thinking section, and a right one more.

The last thing worked out should be what is answered. Penalises an answer that the work never reached.
"""

import re
from decimal import Decimal

REACHED = 1.0
NOT_REACHED = -1.0
RIGHT = 2.0

AMOUNT = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")
FORM = re.compile(r"<thinking>(.*?)</thinking>\s*<solution>(.*?)</solution>", re.DOTALL)


def number(text):
    """The number that the whole text is; None for any other text."""
    text = DASH.sub("-", text).strip()
    return Decimal(PASSED_OVER.sub("", text).rstrip(".")) if NUMBER.fullmatch(text) else None


def amounts(text):
    """The numbers that occur in a text, without their signs."""
    return [float(found.replace(",", "")) for found in AMOUNT.findall(text)]


def reached(completion):
    found = FORM.search(completion)
    if found is None:
        return 0.0
    work, solution = amounts(found.group(1)), number(found.group(2))
    if solution is None:
        return 0.0
    return REACHED if work and work[-1] == abs(float(solution)) else NOT_REACHED


def right(completion, gold):
    found = FORM.search(completion)
    given = number(found.group(2)) if found else None
    return RIGHT if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "reached": [reached(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
