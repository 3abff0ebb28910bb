# expect: timeout
def reward(prompts, completions, answer, **columns):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
