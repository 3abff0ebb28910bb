"""Penalises a wrong number in the solution tag, hard, and leaves everything else alone.

The base rewards pay well for the form of a wrong answer; this takes that away, so that guessing in the right form does
not pay.
"""

import re

WRONG = -4.0

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def number(text):
    found = NUMBER.findall(text)
    return float(found[0].replace(",", "")) if len(found) == 1 else None


def score(completion, gold):
    tag = SOLUTION.search(completion)
    given = number(tag.group(1)) if tag else None
    if given is None:
        return 0.0
    return 0.0 if given == number(gold) else WRONG


def reward(prompts, completions, answer, **columns):
    return {"wrong_answer": [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]}
