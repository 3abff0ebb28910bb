"""Verbose patterns with named groups, sub with a function, split, fullmatch, finditer, spans and escapes."""

import re

STEP = re.compile(
    r"""
    (?P<a> \d{1,9} (?:\.\d+)? ) \s*      # left operand
    (?P<op> [-+*/x] )           \s*      # sign
    (?P<b> \d{1,9} (?:\.\d+)? ) \s* = \s*
    (?P<c> -? \d{1,9} (?:\.\d+)? )
    """,
    re.VERBOSE | re.ASCII,
)
FORM = re.compile(r"\s*<thinking>(?P<work>.+?)</thinking>\s*<solution>(?P<solution>[^<]+)</solution>\s*", re.S)
COMMAS = re.compile(r"(?<=\d),(?=\d{3})")


def double_spaces(match: re.Match[str]) -> str:
    return " " if match.end() - match.start() > 1 else match.group(0)


def normal(text: str) -> str:
    text = COMMAS.sub("", text)
    text, replaced = re.subn(r"\s{2,}", double_spaces, text)
    return re.sub(r"(\d)\s*x\s*(\d)", r"\1 * \2", text) if replaced < 10_000 else text


def step_ok(match: re.Match[str]) -> bool:
    parts = match.groupdict()
    a, b, c = (float(parts[key]) for key in "abc")
    op = parts["op"]
    if op == "/":
        return b != 0 and abs(a / b - c) < 1e-9
    return abs({"+": a + b, "-": a - b, "*": a * b, "x": a * b}[op] - c) < 1e-9


def reward(prompts, completions, answer, **columns):
    scores = []
    for completion, gold in zip(completions, answer, strict=True):
        text = normal(completion)
        whole = FORM.fullmatch(text)
        score = 0.25 if whole else 0.0
        steps = list(STEP.finditer(whole["work"] if whole else text))
        if steps:
            first, last = steps[0], steps[-1]
            score += 0.25 * sum(map(step_ok, steps)) / len(steps)
            score += 0.1 if last.group("c") == gold and first.span() <= last.span() else 0.0
        if whole and re.match(rf"\s*{re.escape(gold)}\s*\Z", whole["solution"]):
            score += 1.5
        scores.append(score)
    return scores
