"""Rewards the decision alone: 2.0 for the right class in the solution tag, -1.0 for the wrong one, -1.5 for none."""

import re

RIGHT = 2.0
WRONG = -1.0
NO_DECISION = -1.5

CLASSES = ("SELECTED", "REJECTED")
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def decision(completion):
    tag = SOLUTION.search(completion)
    said = tag.group(1).strip().upper() if tag else ""
    return said if said in CLASSES else None


def score(completion, gold):
    said = decision(completion)
    if said is None:
        return NO_DECISION
    return RIGHT if said == gold.strip().upper() else WRONG


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
