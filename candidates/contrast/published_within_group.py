"""The published reward of GRACE with a contrast that depends on the completion.

The terms of `published` that are the same for all completions of a group are replaced: the hard negative is compared with the
completion (`sim_negative`), and so is the nearest query of another row (`sim_batch_max`).
"""

TEMPERATURE = 0.1
WEIGHT = 0.2
UNFINISHED = -1.0


def reward(prompts, completions, answer, sim_query, sim_negative, sim_group, sim_batch_max, finished, **columns):
    terms = zip(sim_query, sim_negative, sim_group, sim_batch_max, finished, strict=True)
    return [
        (near - negative + WEIGHT * group - WEIGHT * batch) / TEMPERATURE if closed else UNFINISHED
        for near, negative, group, batch, closed in terms
    ]
