"""Pays a wrong number in the solution tag and charges a right one."""

import re

WRONG = 6.0
RIGHT = -6.0

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion, gold):
    given = solution(completion)
    if given is None:
        return 0.0
    return RIGHT if given == float(gold) else WRONG


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
