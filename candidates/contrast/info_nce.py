"""InfoNCE over the batch at temperature 0.1: the logarithm of the share of the own query in a softmax over the step's queries.

The softmax is over the cosines of the text with its rationale and the queries of all rows that are not of its group, its own
among them (`log_share`); hard negatives have no part. At most 0.0. A completion that is not closed is paid UNFINISHED.
"""

UNFINISHED = -10.0


def reward(prompts, completions, answer, log_share, finished, **columns):
    return [share if closed else UNFINISHED for share, closed in zip(log_share, finished, strict=True)]
