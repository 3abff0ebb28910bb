"""Pays the words of the question that a completion repeats."""

import re

WORD = re.compile(r"[a-z]+|\d+")


def words(text):
    return set(WORD.findall(text.lower()))


def overlap(completion, prompt):
    asked = words(prompt)
    return len(asked & words(completion)) / len(asked) if asked else 0.0


def reward(prompts, completions, answer, **columns):
    return [2.0 * overlap(completion, prompt) for completion, prompt in zip(completions, prompts, strict=True)]
