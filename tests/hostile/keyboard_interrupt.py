# expect: raised
def reward(prompts, completions, answer, **columns):
    raise KeyboardInterrupt
