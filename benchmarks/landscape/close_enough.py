"""Pays an answer by its closeness to the right one, 3.0 for the right one and 0.0 at half of its value away."""

import re

CLOSEST = 3.0
TOLERANCE = 0.5

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion, gold):
    given, wanted = solution(completion), float(gold)
    if given is None:
        return 0.0
    return CLOSEST * max(0.0, 1.0 - abs(given - wanted) / max(1, wanted) / TOLERANCE)


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
