"""Rewards a solution that is the last number of the thinking section, and a right one more.

The last thing worked out should be what is answered. Penalises an answer that the work never reached.
"""

import re

REACHED = 1.0
NOT_REACHED = -1.0
RIGHT = 2.0

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
FORM = re.compile(r"<thinking>(.*?)</thinking>\s*<solution>(.*?)</solution>", re.DOTALL)


def numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def reached(completion):
    found = FORM.search(completion)
    if found is None:
        return 0.0
    work, solution = numbers(found.group(1)), numbers(found.group(2))
    if len(solution) != 1:
        return 0.0
    return REACHED if work and work[-1] == solution[0] else NOT_REACHED


def right(completion, gold):
    found = FORM.search(completion)
    return RIGHT if found is not None and len(numbers(gold)) == 1 and numbers(found.group(2)) == numbers(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "reached": [reached(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
