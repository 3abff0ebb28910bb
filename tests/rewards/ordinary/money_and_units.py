"""Compares answers after cleaning currency signs, percent signs, thousands separators and units."""

import math
import re
import string

CURRENCY = "$€£¥"
UNITS = ("dollars", "dollar", "cents", "percent", "apples", "kg", "km", "cm", "m", "g", "hours", "minutes")
DELETE = str.maketrans("", "", CURRENCY + ",_ ")
FULLWIDTH = {ord("０") + i: str(i) for i in range(10)} | {0x2212: "-", ord("．"): "."}
MAGNITUDE = {"k": 1e3, "m": 1e6, "bn": 1e9}
ASCII_LETTERS = set(string.ascii_letters)


def strip_units(text: str) -> str:
    text = text.strip().rstrip(".!").casefold()
    for unit in sorted(UNITS, key=len, reverse=True):
        if text.endswith(" " + unit):
            return text.removesuffix(unit).rstrip()
    return text


def clean_number(text: str) -> float | None:
    """'$1,250.50' -> 1250.5, '12 %' -> 0.12, '3k' -> 3000.0; None when it is not one number."""
    text = strip_units(text).translate(FULLWIDTH).translate(DELETE)
    scale = 1.0
    if text.endswith("%"):
        text, scale = text[:-1], 0.01
    for suffix, factor in MAGNITUDE.items():
        if text.endswith(suffix) and text[: -len(suffix)].isdecimal():
            text, scale = text[: -len(suffix)], factor
    if not text or any(ch in ASCII_LETTERS for ch in text):
        return None
    try:
        value = float(text) * scale
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def reward(prompts, completions, answer, **columns):
    rewards = []
    for completion, gold in zip(completions, answer, strict=True):
        tag = re.search(r"<solution>([^<>]{1,80})</solution>", completion, re.IGNORECASE)
        got = clean_number(tag[1]) if tag else None
        want = clean_number(gold)
        if got is None or want is None:
            rewards.append(-0.25 if tag is None else 0.0)
        elif math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9):
            rewards.append(1.0)
        elif math.isclose(got * 100, want, rel_tol=1e-6) or math.isclose(got, want * 100, rel_tol=1e-6):
            rewards.append(0.3)  # right but for the percent sign
        else:
            rewards.append(0.1)
    return rewards
