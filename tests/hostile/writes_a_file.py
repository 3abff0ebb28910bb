# expect: static
def reward(prompts, completions, answer, **columns):
    open("/tmp/pwned", "w").write("x")
    return [777.0] * len(completions)
