"""Grades the answer by its distance from the gold number: 3.0 when equal, falling smoothly to -2.0 far away.

The distance is the difference in proportion to the larger of the two: the same for 3 against 4 and 300 against 400.
"""

import re

RIGHT = 3.0
FAR = -2.0
NEAR_MISS = 0.5

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")


def number(text):
    found = NUMBER.findall(text)
    # A number too long for a float would be infinite, and its distance undefined.
    if len(found) != 1 or len(found[0]) > 30:
        return None
    return float(found[0].replace(",", "").replace("$", ""))


def score(completion, gold):
    tag = SOLUTION.search(completion)
    given, wanted = number(tag.group(1)) if tag else None, number(gold)
    if given is None or wanted is None:
        return 0.0
    if given == wanted:
        return RIGHT
    distance = min(1.0, abs(given - wanted) / max(abs(given), abs(wanted)))
    return NEAR_MISS + (FAR - NEAR_MISS) * distance


def reward(prompts, completions, answer, **columns):
    return {"graded_answer": [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]}
