"""NamedTuples for the pieces of a completion; old-style namedtuple too."""

from collections import namedtuple
from typing import NamedTuple

Tag = namedtuple("Tag", ["open", "close"])
Bounds = namedtuple("Bounds", "lo hi", defaults=(1.0,))

THINKING = Tag("<thinking>", "</thinking>")
SOLUTION = Tag(open="<solution>", close="</solution>")
LENGTH = Bounds(lo=0.0)


class Parts(NamedTuple):
    thinking: str = ""
    solution: str = ""
    tail: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.thinking.strip() and self.solution.strip())

    def clipped(self, n: int) -> "Parts":
        return Parts(self.thinking[:n], self.solution[:n], self.tail[:n])


def between(text: str, tag: Tag) -> tuple[str, str]:
    """What is inside of the first pair of the tag, and what follows it."""
    start = text.find(tag.open)
    if start == -1:
        return "", text
    end = text.find(tag.close, start)
    if end == -1:
        return "", text
    return text[start + len(tag.open) : end], text[end + len(tag.close) :]


def parts_of(text: str) -> Parts:
    thinking, rest = between(text, THINKING)
    solution, tail = between(rest, SOLUTION)
    return Parts(thinking=thinking, solution=solution, tail=tail)


def clip(value: float, bounds: Bounds = LENGTH) -> float:
    lo, hi = bounds
    return lo if value < lo else hi if value > hi else value


def reward(prompts, completions, answer, **columns):
    everything = [parts_of(completion) for completion in completions]
    return {
        "complete": [0.5 if parts.complete else 0.0 for parts in everything],
        "nothing_after": [-clip(len(parts.tail.strip()) / 100) for parts in everything],
        "right": [
            1.0 if parts.clipped(40).solution.strip() == gold else 0.0
            for parts, gold in zip(everything, answer, strict=True)
        ],
    }
