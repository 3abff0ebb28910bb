"""Pays a right answer most when it is the result of a true calculation written before it, and charges a wrong one."""

import re

WORKED = 5.0
BARE = 1.0
WRONG = -3.0

EQUATION = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")
SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def holds(a, sign, b, result):
    """Whether a written calculation is right."""
    x, y, z = int(a), int(b), int(result)
    return z == {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]


def score(completion, gold):
    given = solution(completion)
    if given is None:
        return 0.0
    if given != float(gold):
        return WRONG
    steps = EQUATION.findall(completion)
    return WORKED if steps and holds(*steps[-1]) and int(steps[-1][3]) == given else BARE


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
