"""As much itertools as fits: groupby, chain, islice, accumulate, pairwise, takewhile, product, combinations, zip_longest."""

import itertools as it
import re
from itertools import accumulate, chain, combinations, groupby, islice, pairwise, product, takewhile, zip_longest

NUMBER = re.compile(r"\d+")
SIGNS = "+-*"


def runs(text):
    """Lengths of runs of one character, longest first."""
    return sorted((sum(1 for _ in group) for _, group in groupby(text)), reverse=True)


def numbers(text):
    return [int(n) for n in islice(NUMBER.findall(text), 12) if len(n) < 10]


def reachable(values):
    """What one operation on two of the values gives."""
    found = set(values)
    for (a, b), sign in product(combinations(values, 2), SIGNS):
        found.add({"+": a + b, "-": abs(a - b), "*": a * b}[sign])
    return found


def common_prefix(a, b):
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip_longest(a, b)))


def rising(values):
    return list(accumulate(values, max)) == list(values)


def reward(prompts, completions, answer, **columns):
    out = []
    for prompt, text, gold in zip(prompts, completions, answer, strict=True):
        given = text.partition("<solution>")[2].partition("</solution>")[0].strip()
        score = 0.0
        if given == gold:
            score += 2.0
        elif given:
            score += 0.1 * common_prefix(given[:10], gold) / max(1, len(gold))
        score += 0.2 * (given.isdecimal() and len(given) < 10 and int(given) in reachable(numbers(prompt)))
        score -= 0.5 * (next(iter(runs(text)), 0) > 20)
        repeats = sum(a == b for a, b in pairwise(chain.from_iterable(line.split() for line in text.splitlines())))
        score -= 0.05 * min(repeats, 10)
        score += 0.01 * rising(numbers(given))
        out.append(score + 0.0 * len(list(it.repeat(None, 2))))
    return out
