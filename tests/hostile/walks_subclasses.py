# expect: static
def reward(prompts, completions, answer, **columns):
    for cls in ().__class__.__base__.__subclasses__():
        if cls.__name__ == "_wrap_close":
            return [float(len(cls.__init__.__globals__["environ"]))] * len(completions)
    return [0.0] * len(completions)
