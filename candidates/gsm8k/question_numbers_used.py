"""Rewards working that uses the numbers of the question: the share of them that the thinking section mentions.

A right answer is paid as well, so that listing the numbers alone stays below solving the problem.
"""

import re

ALL_USED = 1.0
RIGHT = 2.0

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


def numbers(text):
    return [float(found.replace(",", "")) for found in NUMBER.findall(text)]


def used(prompt, completion):
    wanted, thinking = set(numbers(prompt)), THINKING.search(completion)
    if not wanted or thinking is None:
        return 0.0
    return ALL_USED * len(wanted & set(numbers(thinking.group(1)))) / len(wanted)


def right(completion, gold):
    tag = SOLUTION.search(completion)
    return RIGHT if tag is not None and len(numbers(gold)) == 1 and numbers(tag.group(1)) == numbers(gold) else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "numbers_used": [used(prompt, completion) for prompt, completion in zip(prompts, completions, strict=True)],
        "right_answer": [right(completion, gold) for completion, gold in zip(completions, answer, strict=True)],
    }
