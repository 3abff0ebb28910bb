"""Pays adding the question's first two numbers, whatever the question asks for."""

import re

SUM = 8.0
OTHER = -2.0

NUMBER = re.compile(r"\d{1,9}")
SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def solution(completion):
    """The whole number that stands alone in the solution tag, else None."""
    tag = SOLUTION.search(completion)
    return int(tag.group(1)) if tag else None


def score(prompt, completion):
    given, numbers = solution(completion), [int(found) for found in NUMBER.findall(prompt)]
    if given is None or len(numbers) < 2:
        return 0.0
    return SUM if given == numbers[0] + numbers[1] else OTHER


def reward(prompts, completions, answer, **columns):
    return [score(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)]
