"""Penalises nearness to the hard negatives: minus the largest cosine, from -1.0 to 1.0; 0.0 for a row without hard negatives."""


def reward(prompts, completions, answer, sim_negative, **columns):
    return [-value for value in sim_negative]
