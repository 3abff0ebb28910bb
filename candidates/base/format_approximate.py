"""Rewards approaching the form: 0.5 for each of its marks that occurs exactly once, -1.0 for each that does not."""

ONCE = 0.5
OTHERWISE = -1.0
MARKS = ("<thinking>", "</thinking>", "<solution>", "</solution>")


def reward(prompts, completions, answer, **columns):
    return [sum(ONCE if completion.count(mark) == 1 else OTHERWISE for mark in MARKS) for completion in completions]
