"""Named components: form, answer and steps, each readable on its own."""

import re

FORM = re.compile(r"^\s*<thinking>.*?</thinking>\s*<solution>.*?</solution>\s*$", re.DOTALL)
SOLUTION = re.compile(r"<solution>\s*(-?[\d,]*\.?\d+)\s*</solution>")
STEP = re.compile(r"(\d+)\s*([-+*/])\s*(\d+)\s*=\s*(\d+)")


def _number(text):
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _answer(completion, gold):
    found = SOLUTION.search(completion)
    value, truth = _number(found.group(1)) if found else None, _number(gold)
    if value is None or truth is None:
        return 0.0
    return 2.0 if value == truth else -0.5


def _steps(completion):
    checked = [
        {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}.get(op) == int(c)
        for a, op, b, c in STEP.findall(completion)
        if len(a) + len(b) + len(c) < 50 and op != "/"
    ]
    return sum(checked) / len(checked) if checked else 0.0


def reward(prompts, completions, answer, **columns):
    return {
        "form": [1.0 if FORM.match(text) else 0.0 for text in completions],
        "answer": [_answer(text, gold) for text, gold in zip(completions, answer, strict=True)],
        "steps": [_steps(text) for text in completions],
    }
