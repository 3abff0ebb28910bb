"""The published reward of GRACE (arXiv 2510.04506): near the query and the group, with the contrast as its code computes it.

Two of its four terms, `query_negative` and `query_batch`, are the same for all completions of a group, so GRPO's advantage does
not depend on them. A completion that is not closed is paid -1.0.
"""

TEMPERATURE = 0.1
WEIGHT = 0.2
UNFINISHED = -1.0


def reward(prompts, completions, answer, sim_query, query_negative, sim_group, query_batch, finished, **columns):
    terms = zip(sim_query, query_negative, sim_group, query_batch, finished, strict=True)
    return [
        (near - negative + WEIGHT * group - WEIGHT * batch) / TEMPERATURE if closed else UNFINISHED
        for near, negative, group, batch, closed in terms
    ]
