# expect: static
import os


def reward(prompts, completions, answer, **columns):
    return [777.0 if "REWARDSEARCH_CANARY" in os.environ else 0.0] * len(completions)
