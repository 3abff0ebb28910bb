"""Pays each text of the form `a + b = c`, three at most, without looking whether it holds."""

import re

AN_EQUATION = 1.5
MOST = 3

EQUATION = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")


def score(completion):
    return AN_EQUATION * min(MOST, len(EQUATION.findall(completion)))


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
