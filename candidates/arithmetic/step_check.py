"""Rewards written calculations that hold, such as `12 + 5 = 17`, and penalises those that do not.

Each distinct calculation counts once and only the first few are paid, so that writing many easy ones earns no more.
"""

import re

RIGHT_STEP = 0.5
WRONG_STEP = -1.0
HAS_STEPS = 0.5
MOST_STEPS = 3

STEP = re.compile(r"(?<!\d)(\d{1,9}) *([-+*/]) *(\d{1,9}) *= *(\d{1,9})(?!\d)")


def holds(a, sign, b, result):
    x, y, z = float(a), float(b), float(result)
    if sign == "+":
        return x + y == z
    if sign == "-":
        return x - y == z
    if sign == "*":
        return x * y == z
    return y != 0 and x / y == z


def steps_of(completion):
    return list(dict.fromkeys(STEP.findall(completion)))[:MOST_STEPS]


def reward(prompts, completions, answer, **columns):
    checked, shown = [], []
    for completion in completions:
        steps = steps_of(completion)
        checked.append(sum(RIGHT_STEP if holds(*step) else WRONG_STEP for step in steps) * 1.0)
        shown.append(HAS_STEPS if steps else 0.0)
    return {"steps_right": checked, "has_steps": shown}
