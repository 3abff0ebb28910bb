# expect: contract
def reward(prompts, completions, answer, **columns):
    return [10**400] * len(completions)
