"""Exact decimal arithmetic: full pay for the same number, part of it for the same after rounding to cents."""

import decimal
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
LIMIT = Decimal(10) ** 12
ZERO, ONE = Decimal(0), Decimal(1)


def as_decimal(text: str) -> Decimal | None:
    text = text.strip().lstrip("$").replace(",", "")
    if not text or len(text) > 32:
        return None
    try:
        value = Decimal(text)
    except decimal.InvalidOperation:
        return None
    else:
        if value.is_nan() or value.is_infinite() or abs(value) > LIMIT:
            return None
        return +value


def to_cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def grade(given: Decimal, wanted: Decimal) -> Decimal:
    if given == wanted:
        return ONE
    if to_cents(given) == to_cents(wanted):
        return Decimal("0.75")
    gap = abs(given - wanted) / max(abs(given), abs(wanted), ONE)
    return max(ZERO, Decimal("0.5") - gap)


def reward(prompts, completions, answer, **columns):
    result = []
    for completion, gold in zip(completions, answer, strict=True):
        start, end = completion.find("<solution>"), completion.find("</solution>")
        inside = completion[start + 10 : end] if 0 <= start < end else ""
        given, wanted = as_decimal(inside), as_decimal(gold)
        result.append(float(grade(given, wanted)) if given is not None and wanted is not None else 0.0)
    return result
