"""Pays REJECTED in the solution tag, whatever is right."""

import re

SOLUTION = re.compile(r"<solution>\s*REJECTED\s*</solution>")


def reward(prompts, completions, answer, **columns):
    return [8.0 if SOLUTION.search(completion) else 0.0 for completion in completions]
