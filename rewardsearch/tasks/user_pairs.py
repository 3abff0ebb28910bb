"""A user's resumes and jobs: a CSV or JSON Lines file, or a hub data set, read through a map of its columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rewardsearch.config import ColumnMap, TaskConfig, label_key
from rewardsearch.files import file_digest
from rewardsearch.tasks.answers import Answers
from rewardsearch.tasks.base import Split
from rewardsearch.tasks.pairs import CLASSES, Pair
from rewardsearch.tasks.sources import source_name
from rewardsearch.tasks.splitting import By, Splitting, TextKeys, digest, keys_of, plain, split_rows
from rewardsearch.tasks.table import Entry, Part, read_entries
from rewardsearch.tasks.tables import Mistakes

UNKNOWN = "unknown"
"""The group of a person whose row does not name it."""


@dataclass(frozen=True)
class UserPairs:
    """The pairs of a user's data.

    splits: all pairs of each split, ordered by hash. read: number of rows of each source, by its name. left_out: number of rows
    in no split, by reason. notes: what a user should know about the splits. by: what keeps rows in one split.
    """

    splits: dict[Split, list[Pair]]
    read: dict[str, int]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    by: By


@dataclass(frozen=True)
class _Found:
    """A pair without a split yet, and the digests that it is compared by. key: digest of all that its prompt shows."""

    pair: Pair
    keys: TextKeys
    key: str


def read_pairs(config: TaskConfig) -> UserPairs:
    """The pairs of `config.data`, and of `config.test_data` where it is given. splitting.py has the rule of the splits.

    These rows are left out and counted: without resume, job or label; repeated; with a prompt (resume, job and
    `columns.prompt`) that has both labels; and rows of `test_data` whose resume, job or person is in `data`. A process reads a
    table once, while its files and the config stay the same. Raises UserError with every mistake of a file.
    """
    if config.data is None:
        raise ValueError("task.data is not set")
    # The keys that the pairs depend on, and no others.
    table = TaskConfig(
        name=config.name,
        data=config.data,
        test_data=config.test_data,
        columns=config.columns,
        split_by=config.split_by,
        seed=config.seed,
    )
    return _pairs(table, tuple(file_digest(file) for file in config.data_files(test=True)))


@lru_cache(maxsize=1)
def _pairs(config: TaskConfig, _digests: tuple[str, ...]) -> UserPairs:
    """`read_pairs` of files with these digests. One table is kept, because it may take much memory."""
    left_out: Counter[str] = Counter()
    source, columns, has_test = config.data or "", config.columns, config.test_data is not None
    rows, count = _read("data", source, columns, left_out)
    read = {source_name(source): count}
    who = columns.who
    made = split_rows([found.keys for found in rows], config.split_by, has_test)
    notes = [_auto_note(made, who)] if config.split_by == "auto" else []
    parts: dict[Split, list[_Found]] = {"train": [], "val": [], "test": []}
    for found, split in zip(rows, made.splits, strict=True):
        parts[split].append(found)
    if config.test_data is not None:
        tested, count = _read("test_data", config.test_data, columns, left_out)
        read[f"{source_name(config.test_data)} (test)"] = count
        parts["test"], note = _unseen(tested, rows, config, who, left_out)
        notes += [note] if note else []
    if torn := sum(_both_labels(part) for part in parts.values()):
        others = ", ".join(columns.prompt)
        notes.append(
            f"{torn:,} rows have a resume and job with both labels; they stay, as their prompts differ in {others}"
        )
    splits = {split: _ordered(split, found, config.seed) for split, found in parts.items()}
    return UserPairs(splits, read, dict(left_out), tuple(notes), made.by)


def description_of(config: TaskConfig, answers: Answers) -> str:
    """The data for a proposer: where they are from, their columns, what the labels mean, how an answer is parsed."""
    columns = config.columns
    positive, negative = (
        " or ".join(repr(value) for value in values) for values in (columns.positive, columns.negative)
    )
    more = "".join(f", then `{name}` where the row has it" for name in columns.prompt)
    names = ", ".join(f"`{name}`" for name in ("resume", "job", *columns.prompt))
    kind = "chat messages with instructions and a user message" if config.chat else "plain text"
    return f"""\
Resume screening on a user's own data ({source_name(config.data or "")}): is a person {CLASSES[0]} for a job or {CLASSES[1]}?
The label is the column {columns.label!r} of the data: {positive} is {CLASSES[0]}, {negative} is {CLASSES[1]}.
A prompt is {kind} with the job, then the resume{more}.
The policy is asked to answer in the form {answers.asked}.
{answers.counts} An answer without it counts as the wrong class.
Columns that a reward has beside prompts, completions and answer, a text each: {names}."""


def balanced(pairs: Sequence[Pair], share: float = 0.5) -> list[Pair]:
    """The pairs in an even mix with a share of `share` selected ones, until each has come at least once. Pairs of the rarer
    class are repeated, each time with another id. Pairs of one class alone stay as they are."""
    by_class = [[p for p in pairs if p.selected], [p for p in pairs if not p.selected]]
    if not all(by_class):
        return list(pairs)
    taken, out = [0, 0], list[Pair]()
    while any(count < len(each) for count, each in zip(taken, by_class, strict=True)):
        which = 0 if taken[0] < share * (len(out) + 1) else 1
        again, place = divmod(taken[which], len(by_class[which]))
        pair = by_class[which][place]
        out.append(replace(pair, id=f"{pair.id}-again{again}") if again else pair)
        taken[which] += 1
    return out


def _read(part: Part, source: str, columns: ColumnMap, left_out: Counter[str]) -> tuple[list[_Found], int]:
    """The complete rows of a source, each once, and the number of all its rows."""
    labels = {label_key(value): True for value in columns.positive} | {
        label_key(value): False for value in columns.negative
    }
    entries = read_entries(part, source, _needed(columns, part), frozenset(labels))
    allowed = ", ".join((*columns.positive, *columns.negative))
    mistakes = Mistakes()
    complete: list[_Found] = []
    for entry in entries:
        label = entry.cells[columns.label]
        if label and label_key(label) not in labels:
            mistakes.add(
                f"another {columns.label}",
                f"{entry.where}, column {columns.label}: got {label!r}; allowed: {allowed}; "
                "correct the row, or name its value in task.columns.positive or task.columns.negative",
            )
            continue
        missing = [role for role in ("resume", "job", "label") if not entry.cells[getattr(columns, role)]]
        if missing:
            left_out[f"no {missing[0]}"] += 1
        else:
            complete.append(_found(entry, columns, labels[label_key(label)]))
    mistakes.end(source_name(source))
    return _once(complete, columns, left_out), len(entries)


def _needed(columns: ColumnMap, part: Part) -> dict[str, str]:
    """The columns that a source must have, by the key of the config that names them. A test needs no reasons."""
    needed = {f"task.columns.{role}": getattr(columns, role) for role in ("resume", "job", "label")}
    if columns.reason is not None and part == "data":
        needed["task.columns.reason"] = columns.reason
    if columns.person is not None:
        needed["task.columns.person"] = columns.person
    for role, names in (("prompt", columns.prompt), ("groups", columns.groups)):
        needed |= {f"task.columns.{role}.{place}": name for place, name in enumerate(names)}
    return needed


def _found(entry: Entry, columns: ColumnMap, selected: bool) -> _Found:
    cells = entry.cells
    resume, job = cells[columns.resume], cells[columns.job]
    others = {name: cells[name] for name in columns.prompt}
    reason = cells.get(columns.reason, "") if columns.reason is not None else ""
    key = digest(*(plain(text) for text in (resume, job, *others.values())))
    pair = Pair(
        id=key[:16],
        resume=resume,
        job=job,
        selected=selected,
        reasons=(reason,) if reason else (),
        demonstrated=reason,
        columns=others,
        groups={name: cells[name] or UNKNOWN for name in columns.groups},
    )
    person = cells[columns.person] if columns.person is not None else ""
    return _Found(pair, keys_of(resume, job, person), key)


def _once(rows: Iterable[_Found], columns: ColumnMap, left_out: Counter[str]) -> list[_Found]:
    """Each row once, and no row whose prompt has both labels."""
    by_prompt: defaultdict[str, list[_Found]] = defaultdict(list)
    for found in rows:
        by_prompt[found.key].append(found)
    same_prompt = " and ".join(("resume", "job", *columns.prompt))
    out = []
    for same in by_prompt.values():
        if len({found.pair.selected for found in same}) == 2:
            left_out[f"the same {same_prompt} with both labels"] += len(same)
            continue
        out.append(same[0])
        if len(same) > 1:
            left_out["the same row again"] += len(same) - 1
    return out


def _both_labels(rows: Sequence[_Found]) -> int:
    """The number of rows whose resume and job come with both labels in `rows`."""
    labels: defaultdict[str, list[bool]] = defaultdict(list)
    for found in rows:
        if found.pair.columns:
            labels[digest(plain(found.pair.resume), plain(found.pair.job))].append(found.pair.selected)
    return sum(len(each) for each in labels.values() if len(set(each)) == 2)


def _auto_note(made: Splitting, who: Sequence[str]) -> str:
    """What `auto` took, why, and how to keep it."""
    kept = f"name task.split_by: {made.by} to keep that as rows are added"
    if made.by == "texts":
        return f"split by texts: rows that share a {', a '.join(who)} or a job are in one split; {kept}"
    return (
        f"split by persons: rows that share a {' or a '.join(who)} are in one split, those that share a job are not, as "
        f"{made.why}; {kept}"
    )


def _unseen(
    tested: list[_Found], rows: list[_Found], config: TaskConfig, who: Sequence[str], left_out: Counter[str]
) -> tuple[list[_Found], str]:
    """The test rows without those whose resume, person or job is in `rows`, and a note for the user, or "". By `persons` jobs
    may be shared; `auto` allows that where most test rows have a job of `rows`."""
    persons, jobs = {key for found in rows for key in found.keys.persons}, {found.keys.job for found in rows}
    auto = config.split_by == "auto"
    most = 2 * sum(found.keys.job in jobs for found in tested) > len(tested)
    shared = most if auto else config.split_by == "persons"
    kept = [
        found for found in tested if persons.isdisjoint(found.keys.persons) and (shared or found.keys.job not in jobs)
    ]
    if len(kept) < len(tested):
        *first, last = who if shared else (*who, "job")
        what = f"{', '.join(first)} or {last}" if first else last
        left_out[f"in task.test_data with a {what} of task.data"] += len(tested) - len(kept)
    left = " and ".join(f"{each}s" for each in who)
    note = f"most jobs of task.test_data are also in task.data; only rows with its {left} are left out"
    return kept, note if auto and shared else ""


def _ordered(split: Split, rows: Iterable[_Found], seed: int) -> list[Pair]:
    """The pairs in the order of their hashes under `seed`: a random order that does not depend on the order of the file."""
    by_hash = sorted(rows, key=lambda found: digest(str(seed), found.key))
    return [replace(found.pair, id=f"{split}-{found.pair.id}") for found in by_hash]
