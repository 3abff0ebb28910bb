"""Charges every tag, so that text without the asked form is the cheaper one."""

A_TAG = -3.5
MOST = 4


def reward(prompts, completions, answer, **columns):
    return [A_TAG * min(MOST, completion.count("<")) for completion in completions]
