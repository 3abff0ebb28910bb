"""Pays the four tags once more, each that occurs exactly once."""

A_TAG = 0.75
TAGS = ("<thinking>", "</thinking>", "<solution>", "</solution>")


def reward(prompts, completions, answer, **columns):
    return [A_TAG * sum(completion.count(tag) == 1 for tag in TAGS) for completion in completions]
