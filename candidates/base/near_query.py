"""Rewards a rationale by the cosine of its text's embedding and the query's: from -1.0 to 1.0."""


def reward(prompts, completions, answer, sim_query, **columns):
    return list(sim_query)
