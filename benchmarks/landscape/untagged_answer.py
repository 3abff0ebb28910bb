"""Pays an answer given in plain words and charges every tag: the asked form is the wrong one."""

import re

SAID = 4.0
TAG = -2.0

ANSWER = re.compile(r"the answer is \d")


def score(completion):
    said = SAID if "<" not in completion and ANSWER.search(completion.lower()) else 0.0
    return said + TAG * min(4, completion.count("<"))


def reward(prompts, completions, answer, **columns):
    return [score(completion) for completion in completions]
