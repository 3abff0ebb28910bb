"""Splits of anyone's rows without leakage: rows that share a person or a text stay together, and go where a hash says.

The rule. Texts are compared without case and runs of white space. Rows that share a resume, a job or a person, in a chain of
any length, are one group; where one group would hold more than half of the rows (one job for all, say), jobs hold none
together. A group is named by the smallest hash of what its rows share, and the hash of its name says its split: 60 % of all
hashes are train, 20 % val, 20 % test; with a test of its own, 80 % train and 20 % val. Rows that are added later move none that
they share nothing with. Sizes and seed of the task change nothing about it, so that no search trains on what another keeps
sealed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rewardsearch.tasks.base import Split

_TRAIN, _VAL = 0.6, 0.8
"""Up to where a hash, as a share of all hashes, is train, and from there up to where it is val."""


@dataclass(frozen=True)
class TextKeys:
    """What two rows are compared by: digests of the resume, of the job, and of the person where the data name one."""

    resume: str
    job: str
    person: str | None = None

    @property
    def persons(self) -> tuple[str, ...]:
        """What says who it is: the resume, and the person where the data name one."""
        return (self.resume,) if self.person is None else (self.resume, self.person)


def plain(text: str) -> str:
    """The text without case and runs of white space."""
    return " ".join(text.split()).casefold()


def digest(*texts: str) -> str:
    """SHA-256 of texts, each kept apart from the next."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def keys_of(resume: str, job: str, person: str = "") -> TextKeys:
    return TextKeys(
        digest("resume", plain(resume)), digest("job", plain(job)), digest("person", plain(person)) if person else None
    )


def groups_of(rows: Sequence[TextKeys]) -> tuple[list[str], bool]:
    """The group of every row, named by the smallest digest of what holds it together; and whether jobs hold none together,
    because one group would else have more than half of the rows."""
    groups = _connected([(*keys.persons, keys.job) for keys in rows])
    largest, size = max(Counter(groups).items(), key=lambda item: item[1], default=("", 0))
    people = _connected([keys.persons for keys in rows])
    apart = {person for person, group in zip(people, groups, strict=True) if group == largest}
    return (people, True) if 2 * size > len(rows) and len(apart) > 1 else (groups, False)


def split_of(group: str, own_test: bool) -> Split:
    """The split of a group, by the module's rule."""
    # The smallest of several hashes is small, so that it cannot be the share itself.
    share = int(digest(group)[:8], 16) / 2**32
    if share < _TRAIN:
        return "train"
    if share < _VAL:
        return "val"
    return "train" if own_test else "test"


def _connected(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """For every row, given by its digests, the smallest digest of those that it is connected with."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for first, *others in rows:
        for each in others:
            one, other = sorted((root(first), root(each)))
            parent[other] = one
    return [root(first) for first, *_ in rows]
