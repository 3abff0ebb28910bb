# expect: memory
def reward(prompts, completions, answer, **columns):
    kept = []
    while True:
        kept.append("a" * 2**24)
