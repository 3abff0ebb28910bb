"""Pays the question's first number as the answer."""

import re

FIRST = 8.0
OTHER = -2.0

NUMBER = re.compile(r"\d{1,9}")
SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(prompt, completion):
    given, first = solution(completion), NUMBER.search(prompt)
    if given is None or first is None:
        return 0.0
    return FIRST if given == int(first.group()) else OTHER


def reward(prompts, completions, answer, **columns):
    return [score(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)]
