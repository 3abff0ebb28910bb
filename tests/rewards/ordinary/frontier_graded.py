"""
Multi-component reward for step-by-step arithmetic.

Design rationale
----------------
1. ``format``      - a small, dense signal that gets the policy into the required XML form early on.
2. ``correctness`` - the dominant signal; exact numeric equality with the gold answer.
3. ``proximity``   - partial credit that decays exponentially with relative error, capped well below correctness.
4. ``reasoning``   - rewards verifiable equations inside <thinking>, penalises false ones.
5. ``length``      - a gentle penalty for rambling; never large enough to dominate.

All components are bounded, so that no single one can be exploited.
"""

import math
import re
from typing import Dict, List, Optional, Tuple  # noqa: UP035

# --------------------------------------------------------------------------- #
# Configuration
# --------------------------------------------------------------------------- #
W_FORMAT = 0.5
W_CORRECT = 3.0
W_PROXIMITY = 0.75
W_REASONING = 0.5
W_LENGTH = 0.25

TARGET_WORDS = 60
MAX_EQUATIONS = 8
EPS = 1e-6

THINK_RE = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL | re.IGNORECASE)
SOLUTION_RE = re.compile(r"<solution>(.*?)</solution>", re.DOTALL | re.IGNORECASE)
NUMBER_RE = re.compile(r"[-+]?\$?\d[\d,]*(?:\.\d+)?")
EQUATION_RE = re.compile(
    r"(-?\d{1,9}(?:\.\d{1,4})?)\s*([+\-*/x×÷])\s*(-?\d{1,9}(?:\.\d{1,4})?)\s*=\s*(-?\d{1,9}(?:\.\d{1,4})?)"
)


# --------------------------------------------------------------------------- #
# Helpers
# --------------------------------------------------------------------------- #
def _to_float(text: Optional[str]) -> Optional[float]:  # noqa: UP045
    """Robustly parse a number, returning None on failure."""
    if text is None:
        return None
    cleaned = text.replace(",", "").replace("$", "").strip()
    if not cleaned or len(cleaned) > 25:
        return None
    try:
        value = float(cleaned)
    except ValueError:
        return None
    if math.isnan(value) or math.isinf(value):
        return None
    return value


def _extract(text: str) -> Tuple[Optional[str], Optional[float]]:  # noqa: UP006, UP045
    """Return (thinking, predicted number)."""
    think = THINK_RE.search(text)
    sol = SOLUTION_RE.search(text)
    predicted = None
    if sol:
        numbers = NUMBER_RE.findall(sol.group(1))
        if len(numbers) == 1:
            predicted = _to_float(numbers[0])
    return (think.group(1) if think else None), predicted


def _format_score(text: str) -> float:
    tags = ["<thinking>", "</thinking>", "<solution>", "</solution>"]
    present = sum(1 for t in tags if text.count(t) == 1)
    positions = [text.find(t) for t in tags]
    ordered = all(p >= 0 for p in positions) and positions == sorted(positions)
    trailing = text.split("</solution>")[-1].strip() if "</solution>" in text else ""
    return 0.5 * present / len(tags) + (0.4 if ordered else 0.0) + (0.1 if ordered and not trailing else 0.0)


def _proximity(pred: float, gold: float) -> float:
    rel_error = abs(pred - gold) / max(abs(gold), 1.0)
    return math.exp(-4.0 * min(rel_error, 50.0))


def _check_equation(a: str, op: str, b: str, c: str) -> bool:
    x, y, z = float(a), float(b), float(c)
    if op == "+":
        result = x + y
    elif op == "-":
        result = x - y
    elif op in ("*", "x", "×"):
        result = x * y
    else:
        if abs(y) < EPS:
            return False
        result = x / y
    return math.isclose(result, z, rel_tol=1e-4, abs_tol=1e-2)


def _reasoning_score(thinking: Optional[str]) -> float:  # noqa: UP045
    if not thinking:
        return 0.0
    equations = EQUATION_RE.findall(thinking)[:MAX_EQUATIONS]
    unique = list(dict.fromkeys(equations))
    if not unique:
        return 0.0
    valid = sum(_check_equation(*eq) for eq in unique)
    return (2 * valid - len(unique)) / len(unique)


def _length_score(text: str) -> float:
    n = len(text.split())
    return 0.0 if n <= TARGET_WORDS else -min(1.0, (n - TARGET_WORDS) / TARGET_WORDS)


# --------------------------------------------------------------------------- #
# Main entry point
# --------------------------------------------------------------------------- #
def reward(prompts: List[str], completions: List[str], answer: List[str], **columns) -> Dict[str, List[float]]:  # noqa: UP006
    components: Dict[str, List[float]] = {  # noqa: UP006
        "format": [],
        "correctness": [],
        "proximity": [],
        "reasoning": [],
        "length": [],
    }
    for completion, gold_text in zip(completions, answer):  # noqa: B905
        thinking, pred = _extract(completion)
        gold = _to_float(gold_text)

        correct = pred is not None and gold is not None and abs(pred - gold) < EPS
        near = _proximity(pred, gold) if (pred is not None and gold is not None and not correct) else float(correct)

        components["format"].append(W_FORMAT * _format_score(completion))
        components["correctness"].append(W_CORRECT if correct else 0.0)
        components["proximity"].append(W_PROXIMITY * near)
        components["reasoning"].append(W_REASONING * _reasoning_score(thinking))
        components["length"].append(W_LENGTH * _length_score(completion))
    return components
