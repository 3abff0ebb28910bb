"""Rewards a rationale by the mean cosine to those of the same text: WEIGHT times it, from -0.2 to 0.2."""

WEIGHT = 0.2


def reward(prompts, completions, answer, sim_group, **columns):
    return [WEIGHT * value for value in sim_group]
