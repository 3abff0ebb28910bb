# ruff: noqa: SIM905
"""Numbers in words ("twenty-three", "two hundred and five") count as numbers, at a discount."""

import re

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = ["", "", *"twenty thirty forty fifty sixty seventy eighty ninety".split()]
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}

WORDS = {word: value for value, word in enumerate(UNITS)}
WORDS |= {word: 10 * value for value, word in enumerate(TENS) if word}
TOKENS = re.compile("|".join(sorted([*WORDS, *SCALES, "and"], key=len, reverse=True)))
assert len(WORDS) == 28


def words_to_number(text):
    """The value of a number in words, None for anything else.

    >>> words_to_number("two hundred and five")
    205
    """
    total, current, seen = 0, 0, False
    for word in re.split(r"[\s-]+", text.strip().lower()):
        if word in WORDS:
            current += WORDS[word]
            seen = True
        elif word in SCALES:
            scale = SCALES[word]
            current = max(1, current) * scale
            if scale > 100:
                total, current = total + current, 0
            seen = True
        elif word == "and":
            continue
        else:
            return None
        if total + current > 10**12:
            return None
    return total + current if seen else None


def value_of(text):
    text = text.strip()
    if re.fullmatch(r"-?[0-9][0-9,]{0,14}", text):
        return int(text.replace(",", "")), 1.0
    if TOKENS.match(text.lower()):
        return words_to_number(text[:100]), 0.6
    return None, 0.0


def reward(prompts, completions, answer, **columns):
    rewards = []
    for completion, gold in zip(completions, answer, strict=True):
        tag = re.search("<solution>(.*?)</solution>", completion, re.S)
        wanted, _ = value_of(gold)
        given, share = value_of(tag.group(1)) if tag else (None, 0.0)
        rewards.append(share if given is not None and given == wanted else 0.0)
    return rewards
