"""GSM8K: works on the last number of a free-form answer as well, paid less than the asked form; question words count."""

import re
from collections.abc import Sequence

NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?%?")
PHRASES = (
    re.compile(r"(?:the )?(?:final )?answer is:?\s*\$?(-?[\d,]*\.?\d+)", re.I),
    re.compile(r"=\s*\$?(-?[\d,]*\.?\d+)\s*\.?\s*$", re.M),
    re.compile(r"\bTherefore\b.*?(-?[\d,]*\.?\d+)[^\d]*$", re.S),
)


def num(s: str):
    s = s.replace("$", "").replace(",", "").rstrip("%")
    try:
        f = float(s)
    except ValueError:
        return None
    return int(f) if f.is_integer() and abs(f) < 1e15 else (f if abs(f) < 1e15 else None)


def in_form(text: str):
    inside = re.search(r"<solution>(.*?)</solution>", text, re.S)
    if not inside:
        return None
    found = NUMBER.findall(inside.group(1))
    return num(found[0]) if len(found) == 1 else None


def by_phrase(text: str):
    tail = text[-300:]
    for phrase in PHRASES:
        if m := phrase.search(tail):
            return num(m.group(1))
    found = NUMBER.findall(tail)
    return num(found[-1]) if found else None


def unit_asked(question: str) -> str:
    m = re.search(r"how (?:many|much) (\w+)", question.lower())
    return m.group(1) if m else ""


def reward(prompts: Sequence[str], completions: Sequence[str], answer: Sequence[str], question=None, **columns):
    questions = question or prompts
    out = []
    for q, c, a in zip(questions, completions, answer, strict=True):
        gold = num(a)
        formed, free = in_form(c), by_phrase(c)
        r = 0.0
        if gold is not None and formed == gold:
            r = 1.0
        elif gold is not None and formed is None and free == gold:
            r = 0.4
        unit = unit_asked(q)
        r += 0.05 if unit and unit in c.lower() else 0.0
        out.append(r)
    return out
