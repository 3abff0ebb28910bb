"""Pays true calculations of numbers that are known, from the question or an earlier result, inside the thinking tag."""

import re

A_STEP = 2.0
FALSE = -2.0
MOST = 3

NUMBER = re.compile(r"\d{1,9}")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
EQUATION = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")


def holds(a, sign, b, result):
    """Whether a written calculation is right."""
    x, y, z = int(a), int(b), int(result)
    return z == {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]


def score(prompt, completion):
    thinking = THINKING.search(completion)
    if thinking is None:
        return 0.0
    known, paid = set(NUMBER.findall(prompt)), 0.0
    for a, sign, b, result in EQUATION.findall(thinking.group(1))[:MOST]:
        if holds(a, sign, b, result):
            paid += A_STEP * (a in known and b in known)
        else:
            paid += FALSE
        known.add(result)
    return paid


def reward(prompts, completions, answer, **columns):
    return [score(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)]
