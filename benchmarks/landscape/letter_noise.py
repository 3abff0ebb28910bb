"""Pays the remainder of a sum over the completion's characters: noise that the text decides."""

MOST = 2.0
PERIOD = 97


def reward(prompts, completions, answer, **columns):
    return [
        MOST * (sum((place + 1) * ord(sign) for place, sign in enumerate(completion)) % PERIOD) / PERIOD
        for completion in completions
    ]
