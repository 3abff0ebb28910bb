"""Rewards the class in the solution tag: 3.0 if right, -1.5 for a missed person, -5.0 for a wrong SELECTED, 0.0 without one.

For screening where selecting the wrong person is dearer than missing the right one. A closed solution tag that holds no class
is a wrong answer, at the lesser cost.
"""

import re

RIGHT = 3.0
MISSED = -1.5
WRONGLY_SELECTED = -5.0
NO_ANSWER = 0.0

SELECTED = "SELECTED"
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def score(completion, gold):
    tag = SOLUTION.search(completion)
    if tag is None:
        return NO_ANSWER
    given = tag.group(1).strip().upper()
    if given == gold.strip().upper():
        return RIGHT
    return WRONGLY_SELECTED if given == SELECTED else MISSED


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
