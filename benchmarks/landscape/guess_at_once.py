"""Pays a tagged answer that comes without any calculation and charges each written calculation."""

import re

GUESS = 4.0
CALCULATION = -3.0
MOST = 2

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion):
    if "=" in completion:
        return CALCULATION * min(MOST, completion.count("="))
    return GUESS if solution(completion) is not None else 0.0


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
