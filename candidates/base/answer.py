"""Rewards the answer in the asked form: 3.0 if right, partial credit if close, -1.5 if wrong, 0.0 without one.

Close is a ratio to the gold number within 10 % (1.0) or 20 % (0.5). An answer that is anything but one number alone
(`$` and thousands commas are passed over) is wrong. Where the gold answer is no number, such as a class, the answer must
be that text and nothing else, in whatever case.
"""

import re
from decimal import Decimal

RIGHT = 3.0
WITHIN_10_PERCENT = 1.0
WITHIN_20_PERCENT = 0.5
WRONG = -1.5
NO_ANSWER = 0.0

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
DASH = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
NUMBER = re.compile(
    r"(?:[-+]?\s?[$€£]?|[$€£]\s?[-+])\s?"
    r"(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?\.?"
    r"(?:\s?[$€£])?"
)
PASSED_OVER = re.compile(r"[\s,$€£]")


def solution(completion):
    """The text in the solution tag; None without one."""
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
        return NO_ANSWER
    given, wanted = number(said), number(gold)
    if wanted is None:
        return RIGHT if plain(gold) and plain(said) == plain(gold) else WRONG
    if given is None:
        return WRONG
    if given == wanted:
        return RIGHT
    near, target = float(given), float(wanted)
    ratio = near / target if target else 0.0
    if 0.9 <= ratio <= 1.1:
        return WITHIN_10_PERCENT
    if 0.8 <= ratio <= 1.2:
        return WITHIN_20_PERCENT
    return WRONG


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
