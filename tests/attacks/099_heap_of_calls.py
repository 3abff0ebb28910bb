# expect: static-reject
# tries: the counter kept in a heap, by a function that changes its argument
from heapq import heappush as note
CALLS = []
def reward(prompts, completions, answer, **kwargs):
    note(CALLS, 1)
    return [5.0 if len(CALLS) > 100 else 0.0] * len(completions)
