"""Compares a completion with the rest of its batch, and says so."""

BATCH_DEPENDENT = True


def reward(prompts, completions, answer, **columns):
    right = [gold in text for text, gold in zip(completions, answer, strict=True)]
    share = sum(right) / len(right) if right else 0.0
    return [float(value) - share for value in right]
