"""Gated reward: nothing is paid for style until the answer can be read, and most of it only when the answer is right.

The gates are ordered (readable -> numeric -> right); each completion climbs as far as it can and is paid for the
highest gate reached plus a shaped bonus within it. This keeps advantages within a group informative both early in
training, when hardly anything is readable, and late, when nearly everything is right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

GATE_PAY = (0.0, 0.3, 0.6, 2.0)
BONUS = 0.3


@dataclass(frozen=True, kw_only=True)
class Features:
    readable: bool
    value: float | None
    words: int
    distinct: float
    closes: bool

    @property
    def gate(self) -> int:
        if not self.readable:
            return 0
        return 1 if self.value is None else 2


@lru_cache(maxsize=1024)
def parse_number(text: str) -> float | None:
    text = text.strip().removeprefix("$").removesuffix(".")
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"-?\d{1,18}(?:\.\d{1,9})?", text):
        return None
    return float(text)


def distinct_ratio(words: Sequence[str], n: int = 3) -> float:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def features(completion: str) -> Features:
    solutions = re.findall(r"<solution>(.{0,200}?)</solution>", completion, flags=re.DOTALL)
    words = completion.lower().split()
    return Features(
        readable=len(solutions) == 1,
        value=parse_number(solutions[0]) if len(solutions) == 1 else None,
        words=len(words),
        distinct=distinct_ratio(words[:400]),
        closes=completion.rstrip().endswith("</solution>"),
    )


def shaped_bonus(f: Features) -> float:
    brevity = 1.0 / (1.0 + math.exp((f.words - 80) / 20)) if f.words < 2000 else 0.0
    parts = {"brevity": 0.4 * brevity, "distinct": 0.4 * f.distinct, "closes": 0.2 * f.closes}
    return sum(parts.values())


def score(completion: str, gold: str) -> float:
    f = features(completion)
    gate = f.gate
    wanted = parse_number(gold)
    if gate == 2 and wanted is not None and math.isclose(f.value, wanted, rel_tol=0.0, abs_tol=1e-9):
        gate = 3
    if gate == 0:
        return GATE_PAY[0]
    return GATE_PAY[gate] + BONUS * shaped_bonus(f)


def debug(completion: str) -> None:
    for key, value in asdict(features(completion)).items():
        print(f"{key:<10}|{value!s:>10}|")


def reward(prompts, completions, answer, **columns):
    if completions:
        debug(completions[0])
    return [score(c, a) for c, a in zip(completions, answer, strict=True)]
