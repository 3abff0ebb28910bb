# expect: raised
def reward(prompts, completions, answer, **columns):
    raise ValueError("answers: " + ", ".join(answer))
