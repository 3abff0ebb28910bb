"""Whether a completion's reward is its own: the same in every batch, or, where the file says BATCH_DEPENDENT, at least
the same in every order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from rewardsearch.records import LabelledCompletion
from rewardsearch.rewards.sandbox import RewardOutput
from rewardsearch.validation.constants import Constants
from rewardsearch.validation.probing import Probing, bits
from rewardsearch.validation.texts import batch_of

SIZES = {1: 6, 2: 6, 7: 14}
"""Sizes of small batches, and how many completions are put into them."""
GROUP = 8
_MANY = (GROUP, 16, 64)
"""Sizes of batches of many prompts."""
_OWN_SIZES = 6
"""Batch sizes that are tried because the candidate's own source names them."""
_LARGEST_BATCH = 512
_JUDGED_FROM = 16
"""A batch of so many completions holds right and wrong ones of the same row."""
_ROUNDING = 1e-9
_REMEDY = "score each completion by itself, or say BATCH_DEPENDENT = True at the top of the file"

Judge = Callable[[Sequence[LabelledCompletion], Sequence[float]], Iterator[str]]


class Fairness:
    """The batches for rewards of one task, most of them like a trainer's: without an empty completion, of many prompts
    or of one, of one text alone.

    items: labelled completions of the task, row by row.
    """

    def __init__(self, items: Sequence[LabelledCompletion]) -> None:
        self._items = list(items)
        self.said = [place for place, item in enumerate(items) if item.completion.strip()]
        """Places of the items that are not empty."""
        rng = random.Random(0)
        self._shuffled = rng.sample(range(len(items)), len(items))
        self._mixed = rng.sample(self.said, len(self.said))
        wrong = [place for place in self._mixed if self._items[place].kind == "wrong"]
        first = [place for place in self.said if self._items[place].row.id == items[self.said[0]].row.id]
        self._batches: list[tuple[str, list[int]]] = []
        for size, count in SIZES.items():
            places = list(range(min(count, len(items)))) if size == 1 else self._mixed[-count:]
            parts = [places[start : start + size] for start in range(0, len(places), size)]
            self._batches += [(f"a batch of {size}", part) for part in parts]
        self._batches += [
            *((f"a batch of {size}", self._mixed[:size]) for size in _MANY),
            ("the group of one prompt", (first * GROUP)[:GROUP]),
            ("a batch of one text", wrong[:1] * GROUP),
            ("a batch of wrong completions", wrong[:16]),
        ]

    def faults(self, probing: Probing, whole: RewardOutput, constants: Constants) -> Iterator[str]:
        """A completion's reward and components depend on its neighbours: told for the first batch that shows it."""
        expected = bits(whole)
        for what, places in [("another order", self._shuffled), *self._batches, *self._own(constants)]:
            if bits(self._call(probing, places, what)) != [expected[place] for place in places]:
                if what == "another order":
                    yield f"a completion's reward depends on its place in the batch; {_REMEDY}"
                else:
                    yield f"a completion's reward is another in {what} than in one of {len(expected)}; {_REMEDY}"
                return

    def declared_faults(
        self, probing: Probing, whole: RewardOutput, constants: Constants, judge: Judge
    ) -> Iterator[str]:
        """What a reward that may depend on its batch is held to: the same values in another order, and `judge` on
        batches as a trainer has them."""
        shuffled = self._call(probing, self._shuffled, "another order")
        rows = zip(_rows(whole), _rows(shuffled), strict=True)
        if any(not _alike([row[place] for place in self._shuffled], other) for row, other in rows):
            yield (
                "a completion's reward depends on its place in the batch; compare each with all of its batch alike, "
                "and break ties by what is said"
            )
            return
        batches = [("batches without an empty completion", self.said), ("a batch of 16", self.said[:16])]
        for what, places in [*batches, ("a batch of 64", self.said[:64]), *self._own(constants)]:
            if len(places) >= _JUDGED_FROM:
                output = self._call(probing, places, what)
                faults = list(judge([self._items[place] for place in places], output.rewards))
                if faults:
                    yield f"in {what} it {faults[0]}"
                    return

    def _own(self, constants: Constants) -> Iterator[tuple[str, list[int]]]:
        """Batches of the sizes that the source names, which may hold a completion more than once, as groups do."""
        own = sorted({size for n in constants.numbers for size in (n, n + 1) if 2 < size <= _LARGEST_BATCH})
        for size in (*own[:_OWN_SIZES], *([own[-1]] if len(own) > _OWN_SIZES else [])):
            yield f"a batch of {size}", [self.said[place % len(self.said)] for place in range(size)]

    def _call(self, probing: Probing, places: Sequence[int], what: str) -> RewardOutput:
        return probing.call(batch_of([self._items[place] for place in places]), f"on {what}")


def _rows(output: RewardOutput) -> list[tuple[float, ...]]:
    return [output.rewards, *output.components.values()]


def _alike(a: Sequence[float], b: Sequence[float]) -> bool:
    """Equal up to the rounding of sums that were taken in another order."""
    within = _ROUNDING * max(map(abs, (*a, *b)))
    return all(abs(x - y) <= within for x, y in zip(a, b, strict=True))
