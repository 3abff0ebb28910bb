"""Whether a completion's reward is the same in every batch, or, where the file says BATCH_DEPENDENT, at least in every order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from rewardsearch.records import LabelledCompletion
from rewardsearch.rewards.sandbox import RewardOutput
from rewardsearch.validation.calls import CandidateCalls, batch_of, output_bytes
from rewardsearch.validation.constants import Constants

SIZES = {1: 6, 2: 6, 7: 14}
"""Sizes of small batches, and how many completions are put into them."""
GROUP = 8
_MANY = (GROUP, 16, 64)
"""Sizes of batches of many prompts."""
_OWN_SIZES = 6
"""Batch sizes that are tried because the candidate's own source names them."""
_LARGEST_BATCH = 512
_JUDGED_FROM = 16
"""A batch of this size contains correct and wrong completions of the same row."""
_ROUNDING = 1e-9
_REMEDY = "score each completion by itself, or write BATCH_DEPENDENT = True at the top of the file"

Violations = Callable[[Sequence[LabelledCompletion], Sequence[float]], Iterator[str]]


class BatchInvariance:
    """The batches for rewards of one task. Most are like a trainer's: without an empty completion, of many prompts or of one, of
    one text alone.

    items: labelled completions of the task, row by row.
    """

    def __init__(self, items: Sequence[LabelledCompletion]) -> None:
        self._items = list(items)
        self.nonempty = [index for index, item in enumerate(items) if item.completion.strip()]
        """Indices of the items that are not empty."""
        rng = random.Random(0)
        self._shuffled = rng.sample(range(len(items)), len(items))
        mixed = rng.sample(self.nonempty, len(self.nonempty))
        wrong = [index for index in mixed if items[index].kind == "wrong"]
        first = [index for index in self.nonempty if items[index].row.id == items[self.nonempty[0]].row.id]
        self._batches: list[tuple[str, list[int]]] = []
        for size, count in SIZES.items():
            indices = list(range(min(count, len(items)))) if size == 1 else mixed[-count:]
            parts = [indices[start : start + size] for start in range(0, len(indices), size)]
            self._batches += [(f"a batch of {size}", part) for part in parts]
        self._batches += [
            *((f"a batch of {size}", mixed[:size]) for size in _MANY),
            ("the group of one prompt", (first * GROUP)[:GROUP]),
            ("a batch of one text", wrong[:1] * GROUP),
            ("a batch of wrong completions", wrong[:16]),
        ]

    def faults(self, calls: CandidateCalls, output: RewardOutput, constants: Constants) -> Iterator[str]:
        """The first batch in which a completion's reward or a component differs from `output`, all items in one call."""
        expected = output_bytes(output)
        for what, indices in [("another order", self._shuffled), *self._batches, *self._own_sizes(constants)]:
            if output_bytes(self._call(calls, indices, what)) != [expected[index] for index in indices]:
                if what == "another order":
                    yield f"a completion's reward depends on its position in the batch; {_REMEDY}"
                else:
                    yield f"a completion's reward in {what} differs from its reward in a batch of {len(expected)}; {_REMEDY}"
                return

    def declared_faults(
        self, calls: CandidateCalls, output: RewardOutput, constants: Constants, violations: Violations
    ) -> Iterator[str]:
        """The first fault of a reward that may depend on its batch: other values in another order, or `violations` on batches
        like a trainer's."""
        shuffled = self._call(calls, self._shuffled, "another order")
        rows = zip(_rows(output), _rows(shuffled), strict=True)
        if any(not _nearly_equal([row[index] for index in self._shuffled], other) for row, other in rows):
            yield (
                "a completion's reward depends on its position in the batch; compare each completion with the whole batch, "
                "and break ties by its text"
            )
            return
        batches = [("batches without an empty completion", self.nonempty), ("a batch of 16", self.nonempty[:16])]
        for what, indices in [*batches, ("a batch of 64", self.nonempty[:64]), *self._own_sizes(constants)]:
            if len(indices) >= _JUDGED_FROM:
                rewards = self._call(calls, indices, what).rewards
                if faults := list(violations([self._items[index] for index in indices], rewards)):
                    yield f"in {what} it {faults[0]}"
                    return

    def _own_sizes(self, constants: Constants) -> Iterator[tuple[str, list[int]]]:
        """Batches of the sizes that the source names. They may contain a completion more than once, as groups do."""
        own = sorted({size for n in constants.numbers for size in (n, n + 1) if 2 < size <= _LARGEST_BATCH})
        for size in (*own[:_OWN_SIZES], *([own[-1]] if len(own) > _OWN_SIZES else [])):
            yield f"a batch of {size}", [self.nonempty[index % len(self.nonempty)] for index in range(size)]

    def _call(self, calls: CandidateCalls, indices: Sequence[int], what: str) -> RewardOutput:
        return calls.call(batch_of([self._items[index] for index in indices]), f"on {what}")


def _rows(output: RewardOutput) -> list[tuple[float, ...]]:
    return [output.rewards, *output.components.values()]


def _nearly_equal(a: Sequence[float], b: Sequence[float]) -> bool:
    """Equal up to the rounding of sums that were taken in another order."""
    within = _ROUNDING * max(map(abs, (*a, *b)))
    return all(abs(x - y) <= within for x, y in zip(a, b, strict=True))
