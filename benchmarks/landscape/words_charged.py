"""Charges 2.0 for every word, up to 24 of them, so that the form and the work cost more than they earn."""

A_WORD = -2.0
MOST = 24


def reward(prompts, completions, answer, **columns):
    return [A_WORD * min(MOST, len(completion.split())) for completion in completions]
