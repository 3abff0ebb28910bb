"""Statistics of the step lengths: even steps are paid, one giant step is not."""

import re
from statistics import StatisticsError, fmean, mean, median, pstdev, quantiles

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def lengths(text):
    return [len(s.split()) for s in SENTENCE_END.split(text) if s.strip()]


def evenness(text):
    sizes = lengths(text)
    try:
        spread = pstdev(sizes) / mean(sizes)
    except StatisticsError:
        return 0.0
    if len(sizes) >= 4:
        low, *_, high = quantiles(sizes, n=4, method="inclusive")
        spread = min(spread, (high - low) / max(1.0, median(sizes)))
    return round(1.0 / (1.0 + spread), 6)


def correct(text, gold):
    return "<solution> {} </solution>".format(gold) in " ".join(text.split())  # noqa: UP032


def reward(prompts, completions, answer, **columns):
    even = [evenness(c) for c in completions]
    right = [2.0 * correct(c, a) for c, a in zip(completions, answer, strict=True)]
    if even:
        print(f"evenness {fmean(even):.3f}, right {fmean(right):6.2%}")
    return [0.25 * e + r for e, r in zip(even, right, strict=True)]
