"""Checks that the working and the solution agree with each other, whatever the gold answer, and pays truth on top."""

import re
from typing import Optional, Union  # noqa: F401

Number = Union[int, float]  # noqa: UP007
CONCLUSION = [
    r"(?:so|thus|hence|therefore)[^.\n]*?(-?\d[\d,]*\.?\d*)",
    r"=\s*(-?\d[\d,]*\.?\d*)(?=[^=]*$)",
    r"answer\s+is\s+(-?\d[\d,]*\.?\d*)",
]
COMPILED = [re.compile(p, re.IGNORECASE) for p in CONCLUSION]


def parse(s: str, default: "Number | None" = None) -> "Number | None":
    s = s.replace(",", "").rstrip(".")
    if len(s) > 15:
        return default
    for kind in (int, float):
        try:
            return kind(s)
        except ValueError:
            pass
    return default


def conclusions(work: str) -> "list[Number]":
    found = []
    for pattern in COMPILED:
        for m in pattern.finditer(work):
            value = parse(m.group(1))
            if value is not None:
                found.append((m.start(), value))
    found.sort(key=lambda item: (item[0], item[1]))
    return [value for _, value in found]


def reward(prompts, completions, answer, **columns):
    agree, truth = [], []
    for text, gold in zip(completions, answer, strict=True):
        m = re.search(
            r"<thinking>(?P<work>.{0,2000}?)</thinking>\s*<solution>(?P<sol>[^<]*)</solution>", text, re.DOTALL
        )
        if m is None:
            agree.append(0.0)
            truth.append(0.0)
            continue
        ends, given = conclusions(m["work"]), parse(m["sol"].strip())
        agree.append(0.5 if ends and given is not None and ends[-1] == given else 0.0)
        truth.append(1.0 if given is not None and given == parse(gold) else 0.0)
        if given is None and not ends:
            print("nothing to compare in", repr(text[:40]))
    return {"agree": agree, "truth": truth}
