# expect: contract
def reward(prompts, completions, answer, **columns):
    return {"a": [0.0] * 10_000_000}
