"""Pays a multiple of ten in the solution tag and charges every other number."""

import re

ROUND = 6.0
OTHER = -3.0

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion):
    given = solution(completion)
    if given is None:
        return 0.0
    return ROUND if given % 10 == 0 else OTHER


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
