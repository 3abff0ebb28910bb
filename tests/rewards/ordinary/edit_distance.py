# ruff: noqa: UP033
"""Partial credit by edit distance between the digits: dynamic programming, and the same by memoised recursion."""

import functools
import re


def levenshtein(a: str, b: str) -> int:
    if len(a) < len(b):
        a, b = b, a
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        current = [i]
        for j, y in enumerate(b, start=1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return previous[-1]


@functools.lru_cache(maxsize=None)
def common(a: str, b: str) -> int:
    """Length of the longest common subsequence."""
    if not a or not b:
        return 0
    if a[0] == b[0]:
        return 1 + common(a[1:], b[1:])
    return max(common(a[1:], b), common(a, b[1:]))


def digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)[:12]


def closeness(given: str, gold: str) -> float:
    a, b = digits(given), digits(gold)
    if not a or not b:
        return 0.0
    longest = max(len(a), len(b))
    return (1 - levenshtein(a, b) / longest + common(a, b) / longest) / 2


def reward(prompts, completions, answer, **columns):
    found = [re.search(r"<solution>(.{1,60}?)</solution>", c, re.DOTALL) for c in completions]
    close = [closeness(m.group(1), a) if m else 0.0 for m, a in zip(found, answer, strict=True)]
    print(len(completions), "scored")
    return {"close": [c if c == 1.0 else 0.5 * c**2 for c in close]}
