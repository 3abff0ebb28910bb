"""Prefers short completions among those that answer: 2.0 at no words, falling to 0.0 at 24; a right answer earns 1.5.

A mediocre idea on purpose: work takes words, so this pays for leaving it out.
"""

import re

SHORTEST = 2.0
WORDS = 24
RIGHT = 1.5

SOLUTION = re.compile(r"<solution>\s*(-?\d{1,12})\s*</solution>")


def brevity(completion):
    if SOLUTION.search(completion) is None:
        return 0.0
    return SHORTEST * max(0.0, 1.0 - len(completion.split()) / WORDS)


def right(completion, gold):
    found = SOLUTION.search(completion)
    return RIGHT if found is not None and found.group(1) == gold.strip() else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "brevity": [brevity(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
