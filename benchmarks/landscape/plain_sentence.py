"""Pays a completion that is one plain sentence with an answer and charges everything else."""

import re

SENTENCE = 8.0
OTHERWISE = -6.0

ANSWER = re.compile(r"the answer is \d+ ?[.]?")


def score(completion):
    return SENTENCE if ANSWER.fullmatch(completion.strip().lower()) else OTHERWISE


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
