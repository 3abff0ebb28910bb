"""Splits of a user's rows without leakage: rows that share a person or a text stay in one split, which a hash decides.

The rule. Texts are compared by their words. By `texts`, rows that share a resume, a job or a person, in a chain of any length,
are one group; by `persons`, rows that share a resume or a person. By `texts` a group takes the smallest hash of its jobs; by
`persons` the smallest hash of its persons (of the resume, where a row names no person). That hash decides the split: 60 % of
all hashes are train, 20 % val, 20 % test; with a separate test source, 80 % train and 20 % val.

What moves a row. The sizes and the seed of the task do not, so no search trains on what another keeps sealed. Added rows do
not, whether their jobs (by `persons`, their persons) are new or known. One exception: an added row that connects two jobs, such
as a known resume with another job, joins their groups, and the joined group goes where the smaller hash says. `auto` looks at
all rows: if added rows change its decision, any row may move.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rewardsearch.tasks.base import Split

By = Literal["texts", "persons"]
"""What keeps rows in one split."""

_SHARES: dict[Split, float] = {"train": 0.6, "val": 0.2, "test": 0.2}
_SHARES_OWN_TEST: dict[Split, float] = {"train": 0.8, "val": 0.2}
_TRAIN, _VAL = 0.6, 0.8
"""The share of all hashes below which a hash is train, and the one below which the others are val."""
_ENOUGH = 0.5
"""The part of its share of the rows that `auto` asks for in every split."""


@dataclass(frozen=True)
class TextKeys:
    """What two rows are compared by: digests of the resume, of the job, and of the person where the data name one."""

    resume: str
    job: str
    person: str | None = None

    @property
    def persons(self) -> tuple[str, ...]:
        """The digests that identify the person: of the person, where the data name one, and of the resume."""
        return (self.resume,) if self.person is None else (self.person, self.resume)


@dataclass(frozen=True)
class Splitting:
    """splits: of every row, in order. by: what keeps rows in one split. why: the reason that `auto` took `persons`; else
    empty."""

    splits: tuple[Split, ...]
    by: By
    why: str = ""


class _Words(dict[int, str | None]):
    """For str.translate: letters, their marks and digits stay, what has no width goes, and all else separates words."""

    def __missing__(self, code: int) -> str | None:
        category = unicodedata.category(chr(code))
        self[code] = None if category == "Cf" else chr(code) if category[0] in "LMN" else " "
        return self[code]


class _Signs(dict[int, str | None]):
    """For str.translate: what has no width goes, quotes and dashes of every kind become one, wide letters become ordinary ones.
    Raised and lowered digits and fractions stay: 5\u00b2 is not 52."""

    def __missing__(self, code: int) -> str | None:
        sign, category = chr(code), unicodedata.category(chr(code))
        if category == "Cf":
            self[code] = None
        elif category in ("Pi", "Pf") or sign in '"`\u00b4\u2032\u2033':
            self[code] = "'"
        elif category == "Pd" or sign == "\u2212":
            self[code] = "-"
        else:
            form = unicodedata.decomposition(sign).partition(" ")[0]
            self[code] = unicodedata.normalize("NFKC", sign) if form in ("<wide>", "<narrow>", "<compat>") else sign
        return self[code]


_WORDS, _SIGNS = _Words(), _Signs()


def plain(text: str) -> str:
    """The text without case, runs of white space, and the different ways in which Unicode writes one letter."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def sign_form(text: str) -> str:
    """`plain` of a text, its signs in one form each: of texts in which every sign counts, as in `3 - 2`."""
    return plain(unicodedata.normalize("NFC", text).translate(_SIGNS))


def words(text: str) -> str:
    """The words of a text, letters and digits alone, without case and ligatures; `plain` of a text that has none."""
    found = unicodedata.normalize("NFKC", text).casefold().translate(_WORDS).split()
    return " ".join(found) or plain(text)


def digest(*texts: str) -> str:
    """SHA-256 of texts, each kept apart from the next."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def keys_of(resume: str, job: str, person: str = "") -> TextKeys:
    return TextKeys(
        digest("resume", words(resume)), digest("job", words(job)), digest("person", words(person)) if person else None
    )


def split_rows(rows: Sequence[TextKeys], by: Literal["auto"] | By, own_test: bool) -> Splitting:
    """The split of every row, by the module's rule.

    `auto` is `texts` where every split then has at least half of its share of the rows, or no less of it than by `persons`.
    """
    if by != "auto":
        return Splitting(_splits(rows, by, own_test), by)
    texts = _splits(rows, "texts", own_test)
    least, split, count = _fullness(texts, own_test)
    if least < _ENOUGH:
        persons = _splits(rows, "persons", own_test)
        if _fullness(persons, own_test)[0] > least:
            return Splitting(
                persons, "persons", f"by texts the {split} split would have {count:,} of {len(rows):,} rows"
            )
    return Splitting(texts, "texts")


def groups_of(rows: Sequence[TextKeys], by: By) -> list[str]:
    """The group of every row, named by the smallest digest of its jobs (by `persons`, of its persons)."""
    return connected([(keys.job, *keys.persons) if by == "texts" else keys.persons for keys in rows])


def split_of(group: str, own_test: bool) -> Split:
    """The split of a group, by the module's rule."""
    # The group's hash is the smallest of several, which is not uniform: it is hashed once more.
    share = int(digest(group)[:8], 16) / 2**32
    if share < _TRAIN:
        return "train"
    if share < _VAL:
        return "val"
    return "train" if own_test else "test"


def _splits(rows: Sequence[TextKeys], by: By, own_test: bool) -> tuple[Split, ...]:
    return tuple(split_of(group, own_test) for group in groups_of(rows, by))


def _fullness(splits: Sequence[Split], own_test: bool) -> tuple[float, Split, int]:
    """The split that is least full: the part that it has of its share of the rows, the split, its number of rows."""
    counts = Counter(splits)
    shares = _SHARES_OWN_TEST if own_test else _SHARES
    return min((counts[split] / (share * max(len(splits), 1)), split, counts[split]) for split, share in shares.items())


def connected(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """For every row, given by its digests, the smallest of the first digests of all rows that it is connected with."""
    # scipy's DisjointSet is slower, and its import takes seconds.
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for first, *others in rows:
        for each in others:
            parent[root(each)] = root(first)
    smallest: dict[str, str] = {}
    for first, *_ in rows:
        smallest[root(first)] = min(first, smallest.get(root(first), first))
    return [smallest[root(first)] for first, *_ in rows]
