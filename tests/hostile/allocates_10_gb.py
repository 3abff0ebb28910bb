# expect: memory
def reward(prompts, completions, answer, **columns):
    return [float(len("a" * (10 * 2**30)))] * len(completions)
