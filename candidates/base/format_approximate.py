"""Rewards approaching the form: 0.5 for each of the four tags that occurs exactly once, -1.0 for each that does not."""

ONCE = 0.5
OTHERWISE = -1.0
TAGS = ("<thinking>", "</thinking>", "<solution>", "</solution>")


def reward(prompts, completions, answer, **columns):
    return [sum(ONCE if completion.count(tag) == 1 else OTHERWISE for tag in TAGS) for completion in completions]
