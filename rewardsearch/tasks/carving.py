"""From the sources of a user's data to splits: what each source has, and which of it is in which split.

`data` is carved by what ties its items together; `val_data` and `test_data` are splits of their own, without what shares a tie
with an earlier one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from rewardsearch.errors import UserError
from rewardsearch.tasks.base import SPLITS, Split
from rewardsearch.tasks.hub import HubError
from rewardsearch.tasks.sources import source_name
from rewardsearch.tasks.splitting import connected, split_of
from rewardsearch.tasks.tables import Mistakes

PARTS = {"data": "train", "val_data": "validation", "test_data": "test"}
"""The keys of the config that name sources, with the split that each takes of a hub data set."""
KEYS = {part: f"task.{part}" for part in PARTS}
"""What messages call them."""
_MARKS = {"data": "", "val_data": " (val)", "test_data": " (test)"}
"""What tells sources apart that are one file."""


class Item(Protocol):
    """Something of the data, in no split yet."""

    @property
    def where(self) -> str:
        """Its place in the source."""
        ...

    @property
    def ties(self) -> tuple[str, ...]:
        """Digests; items that share one are in one split."""
        ...


T = TypeVar("T", bound=Item)


@dataclass
class Found(Generic[T]):
    """The items of one source. read: number of its rows. left_out: of these, by reason. notes: about them, a sentence each."""

    examples: list[T]
    read: int
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def read_parts(read: Callable[[str, Mistakes], Found[T] | None]) -> dict[str, Found[T]]:
    """What each source has, by its key in PARTS; `read` gives None where there is no such source. Raises UserError with the
    mistakes of all sources."""
    found: dict[str, Found[T]] = {}
    mistakes: list[str] = []
    for part in PARTS:
        try:
            of_source = read(part, Mistakes())
            if of_source is not None:
                found[part] = of_source
        except HubError:
            raise
        except UserError as error:
            mistakes += error.mistakes
    if mistakes:
        raise UserError(*dict.fromkeys(mistakes))
    return found


def carve(
    found: Mapping[str, Found[T]], tied: str, keys: Mapping[str, str], split_for: Callable[[T, str], Split]
) -> dict[Split, list[T]]:
    """All items by split. tied: what `ties` stand for, for messages. split_for: the split of an item of `data` in a group."""
    splits: dict[Split, list[T]] = {split: [] for split in SPLITS}
    trained = found["data"].examples
    for each, group in zip(trained, connected([each.ties for each in trained]), strict=True):
        splits[split_for(each, group)].append(each)
    known = list(trained)
    for split in ("val", "test"):
        part = f"{split}_data"
        if part in found:
            splits[split] = _unseen(found[part], known, f"in {keys[part]} with a {tied} of {keys['data']}")
            known += splits[split]
    return splits


def carved_split(found: Mapping[str, Any], group: str) -> Split:
    """The split of a group of `data`, by the rule in splitting.py, where the sources `found` are there."""
    split = split_of(group, "test_data" in found)
    return "train" if split == "val" and "val_data" in found else split


def read_counts(found: Mapping[str, Found[T]], sources: Mapping[str, str]) -> dict[str, int]:
    """The number of rows of each source, by its name. sources: what the config has for each key."""
    return {source_name(sources[part]) + _MARKS[part]: each.read for part, each in found.items()}


def left_out(found: Mapping[str, Found[T]]) -> dict[str, int]:
    """The number of rows in no split, by reason."""
    return dict(sum((each.left_out for each in found.values()), Counter[str]()))


def _unseen(tested: Found[T], trained: Sequence[T], reason: str) -> list[T]:
    """The items of a source of its own that share nothing with `trained`; the others are left out for `reason`, and noted."""
    known = {tie: each.where for each in reversed(trained) for tie in each.ties}
    kept, seen = [], []
    for each in tested.examples:
        shared = next((known[tie] for tie in each.ties if tie in known), None)
        if shared is None:
            kept.append(each)
        else:
            seen.append((each.where, shared))
    if seen:
        tested.left_out[reason] = len(seen)
        tested.notes.append(f"{seen[0][0]} is {reason} ({seen[0][1]}); {len(seen):,} rows like this are left out")
    return kept
