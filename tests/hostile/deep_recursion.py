# expect: raised
def reward(prompts, completions, answer, **columns):
    nested = []
    for _ in range(200_000):
        nested = [nested]
    return [float(len(repr(nested)))] * len(completions)
