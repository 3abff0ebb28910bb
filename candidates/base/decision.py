"""Rewards the class in the asked form: 3.0 if right, -1.5 for a missed person, -5.0 for a wrong SELECTED, 0.0 without one.

For screening where selecting the wrong person is dearer than missing the right one. An answer that is no class
is a wrong one, at the lesser cost.
"""

import re

RIGHT = 3.0
MISSED = -1.5
WRONGLY_SELECTED = -5.0
NO_ANSWER = 0.0

SELECTED = "SELECTED"
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def solution(completion):
    """The text in the solution tag; None without one."""
    tag = SOLUTION.search(completion)
    return tag.group(1) if tag else None


def score(completion, gold):
    said = solution(completion)
    if said is None:
        return NO_ANSWER
    given = said.strip().upper()
    if given == gold.strip().upper():
        return RIGHT
    return WRONGLY_SELECTED if given == SELECTED else MISSED


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
