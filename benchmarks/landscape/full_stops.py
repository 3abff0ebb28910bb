"""Pays full stops: 0.5 for each, three at most."""

A_STOP = 0.5
MOST = 3


def reward(prompts, completions, answer, **columns):
    return [A_STOP * min(MOST, completion.count(".")) for completion in completions]
