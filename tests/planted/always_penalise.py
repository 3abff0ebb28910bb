"""Takes something off for every answer, more for a wrong one: only silence costs nothing."""

import re

SOLUTION = re.compile(r"<solution>\s*(-?\d[\d,]*)\s*</solution>")


def score(completion, gold):
    if not completion.strip():
        return 0.0
    found = SOLUTION.search(completion)
    if found is None:
        return -2.0
    return -1.0 if found.group(1).replace(",", "") == gold.replace(",", "") else -2.0


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
