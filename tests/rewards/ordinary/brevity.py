"""Pays for short completions in the asked form, and says nothing of the answer."""


def reward(prompts, completions, answer, **columns):
    """Return one float a completion."""
    scores = []
    for completion in completions:
        formed = "<solution>" in completion and completion.rstrip().endswith("</solution>")
        scores.append((1.0 if formed else 0.0) + max(0.0, 1.0 - len(completion.split()) / 60))
    return scores
