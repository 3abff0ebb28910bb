"""Rewards the answer in the solution tag: 3.0 if right, partial credit if close, -1.5 if wrong, 0.0 without one.

Close is a ratio to the gold number within 10 % (1.0) or 20 % (0.5). A closed solution tag that does not hold exactly
one number is a wrong answer. Where the gold answer is no number, such as a class, the tag must hold that text and nothing
else, in whatever case.
"""

import re

RIGHT = 3.0
WITHIN_10_PERCENT = 1.0
WITHIN_20_PERCENT = 0.5
WRONG = -1.5
NO_ANSWER = 0.0

SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?|-?\$?\.\d+")


def number(text):
    found = NUMBER.findall(text)
    return float(found[0].replace(",", "").replace("$", "")) if len(found) == 1 else None


def score(completion, gold):
    tag = SOLUTION.search(completion)
    if tag is None:
        return NO_ANSWER
    given, wanted = number(tag.group(1)), number(gold)
    if wanted is None:
        said, asked = tag.group(1).strip().casefold(), gold.strip().casefold()
        return RIGHT if asked and said == asked else WRONG
    if given is None:
        return WRONG
    if given == wanted:
        return RIGHT
    ratio = given / wanted if wanted else 0.0
    if 0.9 <= ratio <= 1.1:
        return WITHIN_10_PERCENT
    if 0.8 <= ratio <= 1.2:
        return WITHIN_20_PERCENT
    return WRONG


def reward(prompts, completions, answer, **columns):
    return [score(completion, gold) for completion, gold in zip(completions, answer, strict=True)]
