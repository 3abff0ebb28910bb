# expect: contract
def reward(prompts, completions, answer, **columns):
    return [float("nan")] * len(completions)
