"""bisect and heapq: grades by thresholds, the longest lines, sorted numbers kept in order, merged streams."""

import heapq
import re
from bisect import bisect, bisect_left, insort

LIMITS = (0.01, 0.1, 0.5)
GRADES = (2.0, 1.0, 0.5, 0.0)
NUMBER = re.compile(r"\d{1,12}")
TAG = re.compile(r"<solution>\s*(-?\d{1,12})\s*</solution>")


class Longest:
    """The few longest texts seen by this object."""

    def __init__(self, size):
        self.size, self.kept = size, []

    def add(self, text):
        heapq.heappush(self.kept, len(text))
        if len(self.kept) > self.size:
            heapq.heappop(self.kept)


def grade(completion, gold):
    found = TAG.search(completion)
    if found is None or NUMBER.fullmatch(gold.strip()) is None:
        return 0.0
    wanted = float(gold)
    distance = abs(float(found.group(1)) - wanted) / max(wanted, 1.0)
    return GRADES[bisect_left(LIMITS, distance)]


def shape(completion):
    longest, ordered = Longest(3), []
    for line in completion.splitlines():
        longest.add(line)
    for number in NUMBER.findall(completion)[:50]:
        insort(ordered, int(number))
    small = heapq.nsmallest(2, ordered)
    merged = list(heapq.merge(ordered, small))
    return 0.01 * (sum(longest.kept) < 500) + 0.01 * (bisect(merged, 10**9) == len(merged))


def reward(prompts, completions, answer, **columns):
    pairs = list(zip(completions, answer, strict=True))
    return {"grade": [grade(c, a) for c, a in pairs], "shape": [shape(c) for c, _ in pairs]}
