# expect: contract
def reward(prompts, completions, answer, **columns):
    return [1.0] * (len(completions) + 1)
