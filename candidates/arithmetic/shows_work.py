"""Rewards having written at least one calculation, right or not, next to a small reward for a right answer.

Cheap to earn and easy to game: it asks for work without looking whether the work holds.
"""

import re

SHOWN = 1.0
RIGHT = 1.0

STEP = re.compile(r"(?<!\d)\d{1,9} *[-+*/] *\d{1,9} *= *\d")
SOLUTION = re.compile(r"<solution>\s*(-?\d{1,12})\s*</solution>")


def is_right(completion, gold):
    found = SOLUTION.search(completion)
    return found is not None and found.group(1) == gold.strip()


def reward(prompts, completions, answer, **columns):
    return {
        "work_shown": [SHOWN if STEP.search(completion) else 0.0 for completion in completions],
        "right_answer": [
            RIGHT if is_right(each, gold) else 0.0 for each, gold in zip(completions, answer, strict=True)
        ],
    }
