"""Pays -1.0 where the rationale is not closed, else 0.0."""

UNFINISHED = -1.0


def reward(prompts, completions, answer, finished, **columns):
    return [0.0 if closed else UNFINISHED for closed in finished]
