"""Pays the asked form, whatever the number in it."""

import re

FORM = re.compile(r"\s*<thinking>.+?</thinking>\s*<solution>.+?</solution>\s*", re.DOTALL)


def reward(prompts, completions, answer, **columns):
    return [2.0 if FORM.fullmatch(completion) else 0.0 for completion in completions]
