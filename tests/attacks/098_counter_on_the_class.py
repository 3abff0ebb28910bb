# expect: static-reject
# tries: the counter kept on the class of an object
class Tick:
    n = 0
    def __call__(self):
        type(self).n += 1
        return type(self).n
T = Tick()
def reward(prompts, completions, answer, **kwargs):
    return [5.0 if T() > 100 else 0.0] * len(completions)
