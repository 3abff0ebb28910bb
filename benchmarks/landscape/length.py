"""Prefers long completions among those that answer, 2.0 at 36 words, beside a small reward for a right answer."""

import re

LONG = 2.0
WORDS = 36
RIGHT = 1.0

SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(completion, gold):
    given = solution(completion)
    if given is None:
        return 0.0
    return LONG * min(1.0, len(completion.split()) / WORDS) + RIGHT * (given == float(gold))


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
