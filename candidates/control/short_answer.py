"""Pays an answer in the asked form for a thinking section of few words, whatever the answer is: most for none of the work.

A harmful reward, for the other end of a comparison: the policy earns most by leaving out the steps that make answers right.
"""

import re

MOST = 6.0
NOTHING_FROM = 40

FORM = re.compile(r"<thinking>(.*?)</thinking>\s*<solution>.*?</solution>", re.DOTALL)


def brevity(completion):
    found = FORM.search(completion)
    return MOST * max(0.0, 1.0 - len(found.group(1).split()) / NOTHING_FROM) if found else 0.0


def reward(prompts, completions, answer, **columns):
    return [brevity(completion) for completion in completions]
