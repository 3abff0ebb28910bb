"""Pays a right number in the solution tag and nothing else."""

import re

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def number(text):
    found = NUMBER.findall(text)
    return float(found[0].replace(",", "")) if len(found) == 1 else None


def score(completion, gold):
    tag = SOLUTION.search(completion)
    given = number(tag.group(1)) if tag else None
    return 2.0 if given is not None and given == number(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
