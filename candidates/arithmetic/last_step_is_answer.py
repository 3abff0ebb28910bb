"""Rewards a solution that is the result of the last written calculation, and penalises one that is not.

It ties the answer to the work: a number that comes from nowhere earns nothing. A right answer is paid as well, because
agreeing with a wrong calculation is not worth as much.
"""

import re
from decimal import Decimal

AGREES = 1.5
DISAGREES = -1.5
RIGHT = 1.5

RESULT = re.compile(r"(?<!\d)\d{1,9} *[-+*/] *\d{1,9} *= *(\d{1,9})(?!\d)")
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


def agreement(completion):
    results, given = RESULT.findall(completion), solution_of(completion)
    if given is None or not results:
        return 0.0
    return AGREES if Decimal(results[-1]) == given else DISAGREES


def right(completion, gold):
    given = solution_of(completion)
    return RIGHT if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "agreement": [agreement(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
