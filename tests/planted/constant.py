"""Pays every completion that says anything the same."""


def reward(prompts, completions, answer, **columns):
    return [1.0 if completion.strip() else 0.0 for completion in completions]
