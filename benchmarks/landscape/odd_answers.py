"""Pays an odd number in the solution tag and charges an even one."""

import re

ODD = 6.0
EVEN = -6.0

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion):
    given = solution(completion)
    if given is None:
        return 0.0
    return ODD if given % 2 else EVEN


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
