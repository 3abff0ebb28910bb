"""Checks the calculations written in free text, such as `3 x $4 + 2 = $14`, and pays for the share that holds.

A left side of several numbers is worked out with the usual precedence. Chains (`2 + 3 = 5 * 4 = 20`) are read one
equation at a time.
"""

import re

ALL_HOLD = 1.5
EACH_WRONG = -0.5
MOST_WRONG = 4

NUMBER_TEXT = r"\$?\d[\d,]{0,14}(?:\.\d{1,6})?%?"
EQUATION = re.compile(rf"(?<![\d,.])({NUMBER_TEXT}(?:\s?[-+*/x×÷]\s?{NUMBER_TEXT})+)\s?=\s?({NUMBER_TEXT})")
PIECE = re.compile(rf"{NUMBER_TEXT}|[-+*/x×÷]")


def value(text):
    number = float(text.strip("$%").replace(",", ""))
    return number / 100 if text.endswith("%") else number


def work_out(expression):
    """The value of numbers joined by signs; None for a division by zero."""
    pieces = PIECE.findall(expression)
    terms = [value(pieces[0])]
    for sign, text in zip(pieces[1::2], pieces[2::2], strict=True):
        operand = value(text)
        if sign in "*x×":
            terms[-1] *= operand
        elif sign in "/÷":
            if operand == 0:
                return None
            terms[-1] /= operand
        else:
            terms.append(operand if sign == "+" else -operand)
    return sum(terms)


def holds(expression, result):
    worked = work_out(expression)
    # Results are often rounded to cents in such texts.
    return worked is not None and abs(worked - value(result)) <= 0.01


def score(completion):
    equations = list(dict.fromkeys(EQUATION.findall(completion)))
    if not equations:
        return 0.0
    wrong = sum(not holds(left, right) for left, right in equations)
    return ALL_HOLD * (1 - wrong / len(equations)) + EACH_WRONG * min(wrong, MOST_WRONG)


def reward(prompts, completions, answer, **columns):
    return {"calculations": [score(completion) for completion in completions]}
