"""Pays words that sound like reasoning (so, then, therefore), three at most, in a completion that answers."""

import re

A_WORD = 0.5
MOST = 3

CONNECTIVE = re.compile(r"\b(?:so|then|thus|therefore|because|hence|first|finally)\b")
SOLUTION = re.compile(r"<solution>\s*(\d{1,9})\s*</solution>")


def score(completion):
    if not SOLUTION.search(completion):
        return 0.0
    return A_WORD * min(MOST, len(CONNECTIVE.findall(completion.lower())))


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
