r"""Turns LaTeX (\frac{1}{2}, \dfrac12, 3\frac{1}{4}, 1{,}000) into exact fractions and compares those."""

import re
from fractions import Fraction
from functools import cache
from typing import Optional

_FRAC = re.compile(r"(?P<whole>-?\d+)?\s*\\[dt]?frac\s*(?:\{(?P<a>-?\d+)\}\s*\{(?P<b>\d+)\}|(?P<c>\d)(?P<d>\d))")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\{[^{}]*\}")
_WRAP = re.compile(r"\\boxed\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_SPACES = re.compile(r"(?:\\[,;:! ]|~|\s)+")


def _frac_to_plain(match: re.Match) -> str:
    groups = match.groupdict()
    numerator = int(groups["a"] or groups["c"])
    denominator = int(groups["b"] or groups["d"])
    if denominator == 0:
        return "nan"
    whole = int(groups["whole"] or 0)
    sign = -1 if whole < 0 else 1
    value = Fraction(numerator, denominator)
    return str(whole + sign * value)


@cache
def to_fraction(latex: str) -> Optional[Fraction]:  # noqa: UP045
    if len(latex) > 200:
        return None
    text = _WRAP.sub(lambda m: m.group(1), latex)
    text = _TEXT.sub("", text)
    text = text.replace("{,}", "").replace("\\%", "%").strip("$ \n")
    text = _FRAC.sub(_frac_to_plain, text)
    text = _SPACES.sub("", text).replace(",", "")
    percent = text.endswith("%")
    try:
        value = Fraction(text.rstrip("%"))
    except (ValueError, ZeroDivisionError):
        return None
    return value / 100 if percent else value


def find_answer(text: str) -> Optional[str]:  # noqa: UP045
    found = _WRAP.findall(text) or re.findall(r"<solution>(.*?)</solution>", text, re.S)
    return found[-1] if found else None


def reward(prompts, completions, answer, **columns):
    scores = []
    for text, gold in zip(completions, answer, strict=True):
        raw = find_answer(text)
        given = to_fraction(raw) if raw is not None else None
        wanted = to_fraction(gold)
        if given is None:
            scores.append(0.0)
        elif given == wanted:
            scores.append(1.0)
        elif wanted is not None and given.denominator == wanted.denominator == 1:
            scores.append(0.2)
        else:
            scores.append(0.1)
    return scores
