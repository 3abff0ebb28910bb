"""Decimal and Fraction arithmetic, lru_cache, nested functions, match on literals, `.format` on a literal."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache, partial


@lru_cache(maxsize=256)
def parse(text):
    text = text.strip().replace(",", "").lstrip("$")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value.adjusted() < 40 else None


def unit(name):
    match name:
        case "half":
            return Fraction(1, 2)
        case "whole" | "all":
            return Fraction(1)
        case _:
            return Fraction(0)


def partial_credit(got, want, *, scale):
    if want == 0:
        return float(got == 0)
    error = abs(got - want) / abs(want)
    return float(max(Decimal(0), 1 - error)) * scale


def reward(prompts, completions, answer, **columns):
    credit = partial(partial_credit, scale=float(unit("half")))

    def one(text, gold):
        _, _, tail = text.partition("{}solution{}".format("<", ">"))
        inside, closed, _ = tail.partition("</solution>")
        got, want = parse(inside[:60]), parse(gold[:60])
        if not closed or got is None or want is None:
            return 0.0
        return 1.0 if got == want else credit(got, want) * 0.5

    return [one(text, gold) for text, gold in zip(completions, answer, strict=True)]
