"""Pays what a wrong number in the solution tag is far off, and nothing for a right one."""

import re

SOLUTION = re.compile(r"<solution>\s*(-?\d[\d,]*)\s*</solution>")


def score(completion, gold):
    found = SOLUTION.search(completion)
    if found is None:
        return 0.0
    return 1.0 if found.group(1).replace(",", "") != gold.replace(",", "") else -1.0


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
