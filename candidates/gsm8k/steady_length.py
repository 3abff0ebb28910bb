"""Rewards a thinking section of 20 to 120 words, less outside that range, and a right answer.

A mediocre idea on purpose: length says little about whether the reasoning holds.
"""

import re

IN_RANGE = 1.0
SHORTEST = 20
LONGEST = 120
RIGHT = 2.0

FORM = re.compile(r"<thinking>(.*?)</thinking>\s*<solution>(.*?)</solution>", re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def length(completion):
    found = FORM.search(completion)
    words = len(found.group(1).split()) if found else 0
    if words < SHORTEST:
        return IN_RANGE * words / SHORTEST
    return IN_RANGE * min(1.0, LONGEST / words)


def right(completion, gold):
    found = FORM.search(completion)
    return RIGHT if found is not None and len(numbers(gold)) == 1 and numbers(found.group(2)) == numbers(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "length": [length(completion) for completion in completions],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
