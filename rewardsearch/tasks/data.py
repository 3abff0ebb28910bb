"""Tasks without code, on a user's rows: `kind: numeric` (answers are numbers), `choice` (one of some classes), `text`.

examples.py has what a row must hold. Rows are in the order of their hashes, so neither the order of the file nor the sizes of the
splits move a row; splitting.py has the shares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from keyword import iskeyword

from rewardsearch.config import TaskConfig, label_key
from rewardsearch.errors import UserError
from rewardsearch.records import FIXED_ARGUMENTS, UNPARSED, Row
from rewardsearch.tasks.base import SPLITS, LabelValues, SourceReport, Split, refuse_data_keys
from rewardsearch.tasks.carving import KEYS, PARTS, Found, carve, carved_split, left_out, read_counts, read_parts
from rewardsearch.tasks.equal import Choice, Equality, Number, Text, equality_of
from rewardsearch.tasks.examples import Example, answer_values, columns_in, read_examples
from rewardsearch.tasks.judged import JudgedTask
from rewardsearch.tasks.labelled import SAID, Worked
from rewardsearch.tasks.sources import read_source, source_name
from rewardsearch.tasks.splitting import digest
from rewardsearch.tasks.tables import Mistakes, Table

MOST_CLASSES = 20
_READS = (*PARTS, "prompt", "answer", "system", "solution", "columns", "group", "form")
_MORE_READS = {
    "choice": ("classes", "positive"),
    "numeric": (),
    "text": ("equal",),
    "file": ("equal", "file", "trusted"),
    "verifiers": ("equal", "environment", "arguments", "min_score", "reward_function"),
}


class DataTask(JudgedTask):
    """A user's rows; see the module's docstring."""

    stuffed = True

    _classed: tuple[Table, Mistakes] | None = None
    """`task.data` where it was read for its classes, until it is read for its rows."""
    keys: Mapping[str, str] = KEYS
    """The keys of the config in which the user names the sources."""

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, (*_READS, *_MORE_READS[config.kind or "text"]))
        if config.data is None:
            raise UserError(
                f"task.data is not set; kind {config.kind} needs a file of rows, or the id of a hub data set"
            )
        if config.system is not None and not config.chat:
            raise UserError("task.system goes with task.chat: true; in a plain prompt, write it into task.prompt")
        _check_columns(config.columns.rewards)
        self.name = config.label
        self._start(config, *self._judgement(config))
        self.label_values = _label_values(config)
        self.description = self._describe()

    def _start(self, config: TaskConfig, equal: Equality, positive: str | None = None) -> None:
        super().__init__(config, equal, positive)
        self.columns, self.reading = config.columns.rewards, self.answers

    def _judgement(self, config: TaskConfig) -> tuple[Equality, str | None]:
        """What counts as equal, and the positive class."""
        if config.kind != "choice":
            return equality_of(config, Number() if config.kind == "numeric" else Text()), None
        if config.classes:
            return _choice(config, config.classes)
        mistakes = Mistakes()
        table = read_source(self.keys["data"], str(config.data), PARTS["data"], mistakes)
        self._classed = (table, mistakes)
        return _choice(config, {name: (name,) for name in sorted(_classes_of(config, table))})

    def rows(self, split: Split) -> list[Row]:
        return [each.row(self.id_of(split, each)) for each in self._splits[split][: self._sizes[split]]]

    def worked(self) -> list[Worked]:
        return self.worked_examples(self._sizes["train"])

    def worked_examples(self, n: int) -> list[Worked]:
        examples = self._splits["train"][:n]
        reasons = ((each, self.solution_of(each) or SAID.format(each.answer)) for each in examples)
        return [Worked(each.row(self.id_of("train", each)), (reason,), reason) for each, reason in reasons]

    # What presets do in ways of their own:

    def id_of(self, split: Split, each: Example) -> str:
        """The id of an example's row."""
        return f"{split}-{each.key[:16]}"

    def solution_of(self, each: Example) -> str:
        """The worked solution of an example; empty where the data have none."""
        return each.solution

    def carved_split(self, each: Example, group: str) -> Split:
        """The split of an example of `task.data` in the group `group`."""
        return carved_split(self._found, group)

    def in_order(self, split: Split, found: list[Example]) -> list[Example]:
        """The examples of a split in the order that rows are drawn in."""
        return sorted(found, key=lambda each: digest(str(self._config.seed), each.key))

    @property
    def source(self) -> SourceReport:
        sources = {part: str(getattr(self._config, part)) for part in self._found}
        splits = self._splits  # It counts what is left out.
        classes: dict[Split, dict[str, int]] = {}
        for split in SPLITS if self.classes else ():
            counts = Counter(each.answer for each in splits[split])
            classes[split] = {name: counts[name] for name in self.classes or ()}
        absent = [name for name in self.classes or () if not any(counts[name] for counts in classes.values())]
        notes = [note for found in self._found.values() for note in found.notes]
        bare = sum(not self.solution_of(each) for each in splits["train"])
        if self._config.solution and bare:
            notes.append(
                f"{bare:,} of {len(splits['train']):,} training rows have no worked solution: SFT teaches their answer alone"
            )
        answer = self._config.answer or "answer"
        if answer in columns_in(self._config.prompt or "prompt"):
            notes.append(f"task.prompt reads column {answer}, which is the answer: prompts hold it")
        return SourceReport(
            name=self._config.data or "",
            read=read_counts(self._found, sources),
            left_out=left_out(self._found),
            notes=tuple(notes),
            found={split: len(splits[split]) for split in SPLITS},
            classes=classes,
            remedies={split: self._remedy(split) for split in SPLITS},
            refusal=f"task.classes: no row of {self._config.data} has {', '.join(absent)}; take it out"
            if absent
            else "",
        )

    @cached_property
    def _found(self) -> dict[str, Found[Example]]:
        return self.read_sources()

    def table(self, part: str, mistakes: Mistakes) -> Table | None:
        """The rows of a source as they are written; None where there is no such source."""
        if part == "data" and self._classed is not None:
            (found, first), self._classed = self._classed, None
            mistakes.update(first)
            return found
        source = getattr(self._config, part)
        return None if source is None else read_source(self.keys[part], str(source), PARTS[part], mistakes)

    def read_sources(self) -> dict[str, Found[Example]]:
        """What each source has, by its key. Raises UserError with the mistakes of all sources."""

        def read(part: str, mistakes: Mistakes) -> Found[Example] | None:
            table = self.table(part, mistakes)
            if table is None:
                return None
            return read_examples(self._config, self.reading, part, self.keys[part], table, mistakes)

        return read_parts(read)

    @cached_property
    def _splits(self) -> dict[Split, list[Example]]:
        """All that the data have for each split, in the order that rows are drawn in."""
        splits = carve(self._found, self._tied, self.keys, self.carved_split)
        return {split: self.in_order(split, found) for split, found in splits.items()}

    @property
    def _tied(self) -> str:
        return " or ".join(self._config.group) or "prompt"

    def _remedy(self, split: Split) -> str:
        key = self.keys.get(f"{split}_data")
        if f"{split}_data" in self._found:
            return f"give other rows in {key}"
        more = f"give more rows in {self.keys['data']}{f', or rows of their own in {key}' if key else ''}"
        return f"rows that share a {self._tied} are in one split, so {more}" if self._config.group else more

    def _describe(self) -> str:
        config = self._config
        columns = ", ".join(f"`{name}`" for name in self.columns) or "none"
        prompt = config.prompt or "prompt"
        kind = "chat messages" if config.chat else "plain text"
        return f"""\
A user's own data ({source_name(config.data or "")}). A prompt is {kind}, made from {prompt!r} of a row's columns.
The policy is asked to answer in the form {self.form}
{self.answers.counts}
Columns that a reward has beside prompts, completions and answer, a text each: {columns}."""


def _choice(config: TaskConfig, values: Mapping[str, tuple[str, ...]]) -> tuple[Equality, str | None]:
    """The equality of a choice between classes, given with what the data write for each, and the positive class."""
    if not 2 <= len(values) <= MOST_CLASSES:
        raise UserError(f"task.classes: got {len(values)} classes; a choice has 2 to {MOST_CLASSES}; name them")
    owners: dict[str, str] = {}
    for name, written in values.items():
        for value in written:
            if owners.setdefault(label_key(value), name) != name:
                raise UserError(f"task.classes: {value!r} is a value of two classes; give it to one of them")
    if UNPARSED in values:
        raise UserError(f"task.classes: {UNPARSED!r} is the name for completions without an answer; rename the class")
    if config.positive is not None and config.positive not in values:
        raise UserError(f"task.positive: got {config.positive!r}; allowed: {', '.join(values)}")
    positive = config.positive or (next(iter(values)) if len(values) == 2 else None)
    names = sorted(values, key=lambda name: name != positive)
    return Choice(names, values), positive


def _classes_of(config: TaskConfig, table: Table) -> list[str]:
    """The different answers of `task.data`, each in its first spelling."""
    found: dict[str, str] = {}
    for value in answer_values(config, table):
        found.setdefault(label_key(value), value)
    if len(found) > MOST_CLASSES:
        raise UserError(
            f"task.classes: {source_name(config.data or '')} has {len(found)} different answers in {config.answer or 'answer'}; "
            f"a choice has 2 to {MOST_CLASSES}; name the classes, or use task.kind: text"
        )
    return list(found.values())


def _label_values(config: TaskConfig) -> LabelValues | None:
    """How the data write the classes; None where they are their names."""
    written = {name: values for name, values in config.classes.items() if values != (name,)}
    return LabelValues(config.answer or "answer", dict(config.classes)) if written else None


def _check_columns(columns: tuple[str, ...]) -> None:
    if wrong := [name for name in columns if not name.isidentifier() or iskeyword(name) or name in FIXED_ARGUMENTS]:
        raise UserError(
            f"task.columns: rewards get columns as arguments, which {', '.join(map(repr, wrong))} cannot be; rename the column"
        )
