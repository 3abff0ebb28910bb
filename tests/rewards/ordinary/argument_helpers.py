# ruff: noqa: C408
"""Helpers with *args, **kwargs, keyword-only and positional-only parameters, starred assignment and unpacking."""

import re


def weighted(*values, weights=None, **named):
    weights = weights or (1.0,) * len(values)
    total = sum(w * v for w, v in zip(weights, values, strict=True))
    return total + sum(named.values())


def between(lo, x, hi, /, *, inclusive=True):
    return lo <= x <= hi if inclusive else lo < x < hi


def first_and_rest(text, /):
    first, *rest = text.split(maxsplit=1) or [""]
    return first, *rest


def all_of(*conditions):
    return all(conditions) and bool(conditions)


def options(**kwargs):
    defaults = dict(form=0.5, right=1.0, short=0.1)
    return {**defaults, **kwargs}


def reward(prompts, completions, answer, **columns):
    settings = options(right=2.0) | {"short": 0.2}
    out = []
    for text, gold, *_ in zip(completions, answer, prompts, strict=True):
        first, *_rest = first_and_rest(text)
        (*_, last) = text.split() or [""]
        inside = re.findall(r"<solution>\s*(\S*)\s*</solution>", text)
        form = all_of(first.startswith("<thinking>"), last.endswith("</solution>"), len(inside) == 1)
        right = inside[-1:] == [gold]
        short = between(3, len(text.split()), 60) and not between(0, len(text), 5, inclusive=False)
        flags = dict(zip(("form", "right", "short"), (form, right, short), strict=True))
        out.append(weighted(*flags.values(), weights=[*(settings[name] for name in flags)], base=0.0))
    return out
