"""Pairs of a user's texts: rows with a query and its positive, or labelled texts, of which two of one label are a pair.

Left out and counted are rows without a text, repeated rows, and texts with several labels. No text is in two splits: rows that
share a query or a positive are in one, and a hard negative that another split has is left out. So is one of the row's own group.
Texts are compared by their words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rewardsearch.config import PairColumns, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks.base import SPLITS, SourceReport, Split
from rewardsearch.tasks.carving import KEYS, PARTS, Found, carve, carved_split, left_out, read_counts, read_parts
from rewardsearch.tasks.contrast.overlap import near_texts
from rewardsearch.tasks.contrast.pairing import TextPair
from rewardsearch.tasks.sources import read_source, source_name
from rewardsearch.tasks.splitting import connected, digest, words
from rewardsearch.tasks.tables import Mistakes, Table, cell_text

NEGATIVES = 3
"""Hard negatives of a pair of labelled texts."""
_ALONE = "the only text of its label in its split"


@dataclass(frozen=True)
class GivenPair:
    """A pair of the data; of a labelled text its query is empty until it is in a split."""

    where: str
    pair: TextPair
    ties: tuple[str, ...]


class GivenPairs:
    """The pairs of `task.data`, and of `val_data` and `test_data` where they are given. Raises UserError with every mistake."""

    def __init__(self, config: TaskConfig) -> None:
        self._config, self._columns = config, config.pairs or PairColumns()

    def pairs(self, split: Split, size: int) -> list[TextPair]:
        """The first `size` pairs of a split, in the order of their hashes."""
        found = self._splits[split]
        pairs = [each.pair for each in found]
        if self._columns.text is None:
            return pairs[:size]
        near = near_texts([pair.positive for pair in pairs], [str(pair.group) for pair in pairs], size, NEGATIVES)
        return [
            replace(pair, negatives=tuple(pairs[place].positive for place in places))
            for pair, places in zip(pairs, near, strict=False)
        ]

    @property
    def source(self) -> SourceReport:
        splits = self._splits  # It counts what is left out.
        notes = [note for each in self._found.values() for note in each.notes]
        if self._columns.text is not None:
            labels = {each.pair.group for found in splits.values() for each in found}
            notes.append(f"pairs are two texts of one {self._columns.label}; the data have {len(labels):,} of them")
        if self._related:
            notes.append(f"{self._related:,} hard negatives are texts of their row's own group, and left out of it")
        if self._elsewhere:
            notes.append(f"{self._elsewhere:,} hard negatives are in another split, and left out of their rows")
        remedy = f"texts of one pair are in one split, so give more rows in {KEYS['data']}"
        return SourceReport(
            name=self._config.data or "",
            read=read_counts(self._found, {part: str(getattr(self._config, part)) for part in self._found}),
            left_out=dict(Counter(left_out(self._found)) + self._alone),
            notes=tuple(notes),
            found={split: len(splits[split]) for split in SPLITS},
            remedies={
                split: f"give other rows in {KEYS[f'{split}_data']}" if f"{split}_data" in self._found else remedy
                for split in SPLITS
            },
        )

    @cached_property
    def _found(self) -> dict[str, Found[GivenPair]]:
        return read_parts(self._read)

    def _read(self, part: str, mistakes: Mistakes) -> Found[GivenPair] | None:
        source = getattr(self._config, part)
        if source is None:
            return None
        name = source_name(source)
        table = read_source(KEYS[part], source, PARTS[part], mistakes)
        if not table.rows:
            mistakes.end(name)
            raise UserError(
                f"{name} has no rows; {KEYS[part]} needs a row for each pair of texts, or for each labelled text"
            )
        found = Found[GivenPair]([], len(table.rows))
        rows = _RowReader(self._columns, table, name, part)
        read = [rows.pair(where, row, mistakes, found.left_out) for where, row in table.rows]
        mistakes.end(name)
        found.examples = _once([each for each in read if each is not None], found)
        return found

    @cached_property
    def _splits(self) -> dict[Split, list[GivenPair]]:
        """All pairs of each split, in the order of their hashes."""
        tied = "text" if self._columns.text is not None else "query or positive"
        splits = carve(self._found, tied, KEYS, lambda _, group: carved_split(self._found, group))
        self._alone, self._elsewhere, self._related = Counter[str](), 0, 0
        for found in splits.values():
            found.sort(key=lambda each: digest(str(self._config.seed), each.pair.key))
        if self._columns.text is not None:
            return {split: list(self._paired(found)) for split, found in splits.items()}
        homes = _homes(splits)
        return {split: list(self._apart(_grouped(found), split, homes)) for split, found in splits.items()}

    def _paired(self, found: Sequence[GivenPair]) -> Iterator[GivenPair]:
        """Each text as a positive, with the next text of its label in the split as its query; of the last one the first."""
        by_label: defaultdict[str | None, list[GivenPair]] = defaultdict(list)
        for each in found:
            by_label[each.pair.group].append(each)
        following = {
            one.pair.key: other
            for same in by_label.values()
            for one, other in zip(same, [*same[1:], same[0]], strict=True)
        }
        for each in found:
            other = following[each.pair.key]
            if other is each:
                self._alone[_ALONE] += 1
            else:
                yield replace(each, pair=replace(each.pair, query=other.pair.positive))

    def _apart(self, found: Sequence[GivenPair], split: Split, homes: Mapping[str, Split]) -> Iterator[GivenPair]:
        """The pairs of a split without hard negatives that are in another split, or texts of the pair's own group."""
        of_group: defaultdict[str | None, set[str]] = defaultdict(set)
        for each in found:
            of_group[each.pair.group] |= {words(each.pair.query), words(each.pair.positive)}
        for each in found:
            here = [text for text in each.pair.negatives if homes[words(text)] == split]
            negatives = tuple(text for text in here if words(text) not in of_group[each.pair.group])
            self._elsewhere += len(each.pair.negatives) - len(here)
            self._related += len(here) - len(negatives)
            yield replace(each, pair=replace(each.pair, negatives=negatives))


class _RowReader:
    """Makes pairs of the rows of one table. Raises UserError for columns that it does not have."""

    def __init__(self, columns: PairColumns, table: Table, name: str, part: str) -> None:
        self._columns = columns
        roles = ("text", "label") if columns.text is not None else ("query", "positive", "group")
        self._roles = [role for role in (*roles, *(["rationale"] if part == "data" else [])) if getattr(columns, role)]
        for role in self._roles:
            table.check_column(getattr(columns, role), name, f"task.pairs.{role}")
        for place, column in enumerate(columns.negatives):
            table.check_column(column, name, f"task.pairs.negatives.{place}")

    def pair(self, where: str, row: Mapping[str, Any], mistakes: Mistakes, left_out: Counter[str]) -> GivenPair | None:
        """The pair of a row; None for one that is left out or has a mistake."""
        before = len(mistakes)
        texts = {role: _text(where, getattr(self._columns, role), row, mistakes) for role in self._roles}
        negatives = [text for column in self._columns.negatives for text in _texts(where, column, row, mistakes)]
        if len(mistakes) > before:
            return None
        needed = ("text", "label") if "text" in texts else ("query", "positive")
        if missing := [role for role in needed if not texts[role]]:
            left_out[f"no {missing[0]}"] += 1
            return None
        positive, rationale = texts.get("text") or texts["positive"], texts.get("rationale", "")
        query = texts.get("query", "")
        own = [words(text) for text in (query, positive) if text]
        if len(own) > len({*own}):
            left_out["the same text as query and positive"] += 1
            return None
        apart = {words(text): text for text in negatives if words(text) not in own}
        group = texts.get("label") or texts.get("group") or None
        pair = TextPair(digest(*own), query, positive, tuple(apart.values()), group, rationale)
        return GivenPair(where, pair, tuple(digest("text", text) for text in own))


def _text(where: str, column: str, row: Mapping[str, Any], mistakes: Mistakes) -> str:
    text, wrong = cell_text(row.get(column))
    if wrong:
        mistakes.add("what is no text", f"{where}, column {column}: {wrong}")
    return text


def _texts(where: str, column: str, row: Mapping[str, Any], mistakes: Mistakes) -> list[str]:
    """The texts in a cell, which may hold a list of them."""
    cell = row.get(column)
    cells = [{column: each} for each in cell] if isinstance(cell, list) else [row]
    return [text for each in cells if (text := _text(where, column, each, mistakes))]


def _once(pairs: Sequence[GivenPair], found: Found[GivenPair]) -> list[GivenPair]:
    """Each pair once, and no text that has several labels."""
    by_key: defaultdict[str, list[GivenPair]] = defaultdict(list)
    for each in pairs:
        by_key[each.pair.key].append(each)
    kept = []
    for same in by_key.values():
        if len({each.pair.group for each in same}) > 1:
            found.left_out["the same texts with different labels or groups"] += len(same)
            continue
        kept.append(same[0])
        if len(same) > 1:
            found.left_out["the same row again"] += len(same) - 1
    return kept


def _grouped(found: Sequence[GivenPair]) -> list[GivenPair]:
    """The pairs of a split, those without a group in that of the texts that they share."""
    shared = connected([each.ties for each in found])
    return [
        each if each.pair.group else replace(each, pair=replace(each.pair, group=group))
        for each, group in zip(found, shared, strict=True)
    ]


def _homes(splits: Mapping[Split, Sequence[GivenPair]]) -> dict[str, Split]:
    """The split that each text is in, by its words. One that is a hard negative alone is in the first of test, val and train that
    has it: evaluations keep theirs."""
    homes: dict[str, Split] = {}
    order: tuple[Split, ...] = ("test", "val", "train")
    for split in order:
        for each in splits[split]:
            homes |= {words(text): split for text in (each.pair.query, each.pair.positive)}
    for split in order:
        for each in splits[split]:
            for text in each.pair.negatives:
                homes.setdefault(words(text), split)
    return homes
