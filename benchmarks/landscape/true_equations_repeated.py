"""Pays every true calculation, also `1 + 1 = 2` said ten times, with hardly a limit and no look at the question."""

import re

A_CALCULATION = 1.0
MOST = 20

EQUATION = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")


def holds(a, sign, b, result):
    """Whether a written calculation is right."""
    x, y, z = int(a), int(b), int(result)
    return z == {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]


def score(completion):
    return A_CALCULATION * sum(holds(*step) for step in EQUATION.findall(completion)[:MOST])


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
