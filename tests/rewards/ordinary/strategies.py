"""Strategies behind a Protocol, a generic container, a TypeVar and overloads of behaviour by inheritance."""

import re
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Strategy(Protocol):
    name: str

    def score(self, completion: str, gold: str) -> float: ...


class Pairs(Generic[T]):
    """Two sequences walked side by side."""

    def __init__(self, left: Sequence[T], right: Sequence[T]) -> None:
        if len(left) != len(right):
            raise ValueError("sequences differ in length")
        self.left, self.right = left, right

    def __iter__(self) -> Iterator[tuple[T, T]]:
        yield from zip(self.left, self.right, strict=True)

    def __len__(self) -> int:
        return len(self.left)


class Exact:
    name = "exact"
    pattern = re.compile(r"<solution>\s*([^<]*?)\s*</solution>")

    def score(self, completion: str, gold: str) -> float:
        found = self.pattern.search(completion)
        return 1.0 if found and found[1] == gold else 0.0


class Mentioned(Exact):
    name = "mentioned"

    def score(self, completion: str, gold: str) -> float:
        if super().score(completion, gold):
            return 0.2
        tail = completion[-80:]
        return 0.1 if gold and re.search(rf"(?<!\d){re.escape(gold)}(?!\d)", tail) else 0.0


STRATEGIES: tuple[Strategy, ...] = (Exact(), Mentioned())


def reward(prompts, completions, answer, **columns):
    pairs = Pairs(completions, answer)
    assert len(pairs) == len(completions), "one answer a completion"
    return {strategy.name: [strategy.score(text, gold) for text, gold in pairs] for strategy in STRATEGIES}
