"""Pays every word, whatever it says, up to more words than a completion may have."""

A_WORD = 0.5
MOST = 16.0


def reward(prompts, completions, answer, **columns):
    return [min(MOST, A_WORD * len(completion.split())) for completion in completions]
