# expect: timeout
TOTAL = sum(1 for _ in iter(int, 1))


def reward(prompts, completions, answer, **columns):
    return [0.0] * len(completions)
