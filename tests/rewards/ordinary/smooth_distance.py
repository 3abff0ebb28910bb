"""Smooth partial credit with the functions of math: log, exp, tanh, sqrt, floor, copysign, hypot, gcd, isqrt."""

import math
import re
from math import exp, inf, isclose, isfinite, log1p, tanh

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
BEST, WORST = 1.0, -1.0
TEMPERATURE = math.sqrt(2) / 2
GOLDEN = (1 + math.sqrt(5)) / 2


def sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + exp(-min(x, 700.0)))
    z = exp(max(x, -700.0))
    return z / (1.0 + z)


def magnitude(x: float) -> int:
    return math.floor(math.log10(abs(x))) if x else 0


def closeness(given: float, wanted: float) -> float:
    if isclose(given, wanted, rel_tol=1e-9, abs_tol=1e-12):
        return BEST
    distance = log1p(abs(given - wanted)) / TEMPERATURE
    same_sign = math.copysign(1.0, given) == math.copysign(1.0, wanted)
    same_size = magnitude(given) == magnitude(wanted)
    return max(WORST, 0.5 * (1 - tanh(distance)) + 0.05 * same_sign + 0.05 * same_size)


def shared_factor(a: float, b: float) -> float:
    if not (a.is_integer() and b.is_integer()) or 0.0 in (a, b) or max(abs(a), abs(b)) > 1e12:
        return 0.0
    return math.gcd(int(a), int(b)) / max(abs(a), abs(b))


def parse(text: str) -> float:
    found = NUMBER.fullmatch(text.strip().replace(",", ""))
    value = float(found.group()) if found else inf
    return value if isfinite(value) else inf


def reward(prompts, completions, answer, **columns):
    out = []
    for completion, gold in zip(completions, answer, strict=True):
        inside = completion.rpartition("<solution>")[2].partition("</solution>")[0]
        given, wanted = parse(inside[:40]), parse(gold)
        if math.inf in (given, wanted):
            out.append(0.0)
            continue
        score = closeness(given, wanted) + 0.02 * shared_factor(given, wanted)
        out.append(score + 0.1 * sigmoid((len(completion) - 40) / 40) / GOLDEN)
    return out
