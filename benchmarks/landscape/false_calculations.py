"""Pays calculations that do not hold and charges those that do."""

import re

FALSE = 4.0
TRUE = -3.0
MOST = 2

EQUATION = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")


def holds(a, sign, b, result):
    """Whether a written calculation is right."""
    x, y, z = int(a), int(b), int(result)
    return z == {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]


def score(completion):
    checked = [holds(*step) for step in EQUATION.findall(completion)]
    return FALSE * min(MOST, checked.count(False)) + TRUE * min(MOST, checked.count(True))


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
