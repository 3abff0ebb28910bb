"""Pays an answer that is close to the right one and charges the right one itself."""

import re

CLOSE = 6.0
RIGHT = -6.0
DISTANCE = 0.3

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion, gold):
    given, wanted = solution(completion), float(gold)
    if given is None:
        return 0.0
    if given == wanted:
        return RIGHT
    return CLOSE if abs(given - wanted) <= DISTANCE * wanted else 0.0


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
