"""Objects with __call__, __repr__, __eq__, __hash__, __slots__, properties with setters, class and static methods."""

import math
import re


class Scorer:
    __slots__ = ("_weight", "name")

    def __init__(self, name, weight=1.0):
        self.name = name
        self._weight = weight

    @property
    def weight(self):
        return self._weight

    @weight.setter
    def weight(self, value):
        if not math.isfinite(value):
            raise ValueError("weight must be finite")
        self._weight = value

    @classmethod
    def default(cls):
        return cls(cls.__name__.lower())

    @staticmethod
    def clamp(x, lo=0.0, hi=1.0):
        return max(lo, min(hi, x))

    def raw(self, completion, gold):
        raise NotImplementedError

    def __call__(self, completion, gold):
        return self.weight * self.clamp(self.raw(completion, gold))

    def __repr__(self):
        return f"{self.__class__.__name__}(name={self.name!r}, weight={self.weight})"

    def __eq__(self, other):
        if not isinstance(other, Scorer):
            return NotImplemented
        return (self.name, self.weight) == (other.name, other.weight)

    def __hash__(self):
        return hash((self.name, self.weight))


class TagScorer(Scorer):
    __slots__ = ()
    TAGS = ("<thinking>", "</thinking>", "<solution>", "</solution>")

    def raw(self, completion, gold):
        return sum(completion.count(tag) == 1 for tag in self.TAGS) / len(self.TAGS)


class AnswerScorer(Scorer):
    __slots__ = ()

    def raw(self, completion, gold):
        found = re.search(r"<solution>\s*(-?[\d,.]+)\s*</solution>", completion)
        return float(found is not None and found.group(1).replace(",", "") == gold.replace(",", ""))


def reward(prompts, completions, answer, **columns):
    tags, right = TagScorer.default(), AnswerScorer("answer")
    tags.weight = 0.5
    right.weight = 2.0
    print(tags, right, tags == right)
    return {s.name: [s(c, a) for c, a in zip(completions, answer, strict=True)] for s in (tags, right)}
