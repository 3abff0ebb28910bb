"""Pays words that good explanations hold (answer, total, step, so, each), one point for each of them."""

A_WORD = 1.0
WORDS = ("answer", "total", "step", "so", "each", "because", "therefore", "together")


def reward(prompts, completions, answer, **columns):
    return [A_WORD * sum(word in completion.lower().split() for word in WORDS) for completion in completions]
