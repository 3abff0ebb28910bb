"""Objects with __call__, __repr__, __eq__, operators of their own, properties, class and static methods."""

import re
from functools import total_ordering


@total_ordering
class Points:
    """An amount that adds up, multiplies and compares."""

    def __init__(self, value=0.0):
        self.value = float(value)

    def __add__(self, other):
        return Points(self.value + (other.value if isinstance(other, Points) else other))

    __radd__ = __add__

    def __mul__(self, factor):
        return Points(self.value * factor)

    def __neg__(self):
        return Points(-self.value)

    def __float__(self):
        return self.value

    def __bool__(self):
        return self.value != 0.0

    def __eq__(self, other):
        return isinstance(other, Points) and self.value == other.value

    def __lt__(self, other):
        return self.value < other.value

    def __repr__(self):
        return "Points(%.3f)" % self.value  # noqa: UP031

    @classmethod
    def of(cls, condition):
        return cls(1.0 if condition else 0.0)

    @staticmethod
    def zero():
        return Points()


class Lines:
    """The lines of a text as a sequence."""

    def __init__(self, text):
        self.items = [line.strip() for line in text.splitlines() if line.strip()]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]

    def __contains__(self, word):
        return any(word in line for line in self.items)

    def __iter__(self):
        return iter(self.items)


def reward(prompts, completions, answer, **columns):
    out = []
    for text, gold in zip(completions, answer, strict=True):
        lines = Lines(text)
        parts = [Points.of("<solution>" in lines), Points.of("</solution>" in lines) * 0.5]
        if re.search(rf"<solution>\s*{re.escape(gold)}\s*</solution>", text):
            parts.append(Points(2))
        if len(lines) > 20:
            parts.append(-Points(0.5))
        out.append(float(sum(parts, Points.zero()) if parts else Points.zero()))
    return out
