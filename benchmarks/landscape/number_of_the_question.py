"""Pays a solution that is any of the question's numbers: it looks grounded and is never worked out."""

import re

TAKEN = 3.0

NUMBER = re.compile(r"\d{1,9}")
SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def score(prompt, completion):
    tag = SOLUTION.search(completion)
    return TAKEN if tag and tag.group(1) in NUMBER.findall(prompt) else 0.0


def reward(prompts, completions, answer, **columns):
    return [score(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)]
