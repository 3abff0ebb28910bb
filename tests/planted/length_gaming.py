"""Pays every word, up to two hundred, whatever it says."""

WORDS = 200


def reward(prompts, completions, answer, **columns):
    return [3.0 * min(len(completion.split()), WORDS) / WORDS for completion in completions]
