"""Structural pattern matching: sequences, mappings, guards, captures, class patterns, alternatives."""

import re
from dataclasses import dataclass


@dataclass
class Calculation:
    left: int
    sign: str
    right: int
    result: int


@dataclass
class Statement:
    words: int


def parse(line):
    match line.split():
        case []:
            return None
        case [a, ("+" | "-" | "*" | "/") as sign, b, "=", c, *_] if a.isdecimal() and b.isdecimal() and c.isdecimal():
            if max(len(a), len(b), len(c)) > 12:
                return Statement(words=5)
            return Calculation(int(a), sign, int(b), int(c))
        case [*words]:
            return Statement(words=len(words))


def worth(item):
    match item:
        case Calculation(left=a, sign="+", right=b, result=c) if a + b == c:
            return 1
        case Calculation(left=a, sign="-", right=b, result=c) if a - b == c:
            return 1
        case Calculation(left=a, sign="*", right=b, result=c) if a * b == c:
            return 1
        case Calculation(left=a, sign="/", right=b, result=c) if b and a / b == c:
            return 1
        case Calculation():
            return -1
        case Statement(words=n) if n > 40:
            return -1
        case Statement() | None:
            return 0


def describe(value):
    match value:
        case int() | float():
            return "number"
        case str(text) if text:
            return text
        case {"kind": kind, **rest}:
            return f"{kind} and {len(rest)} more"
        case (x, y):
            return f"{x}/{y}"
        case None:
            return "nothing"
        case _:
            return "else"


def reward(prompts, completions, answer, **columns):
    steps, right = [], []
    for text, gold in zip(completions, answer, strict=True):
        lines = re.split(r"[.\n]|</?thinking>", text[:3000])
        values = [worth(parse(line)) for line in lines]
        steps.append(max(-1.0, min(1.0, sum(values) / 2)))
        match re.findall(r"<solution>\s*(\S+?)\s*</solution>", text):
            case [one] if one == gold:
                right.append(2.0)
            case [_, _, *_]:
                right.append(-0.5)
            case _:
                right.append(0.0)
    print([describe(v) for v in (1, 2.0, "a", {"kind": "b", "n": 1}, (1, 2), None, [])])
    return {"steps": steps, "right": right}
