"""What is known of a search's rows before anything is trained: sizes, classes, what was left out, what words alone can tell."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from rewardsearch.config import Config, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, Record
from rewardsearch.stats import f1_accuracy
from rewardsearch.tasks import Split, Task
from rewardsearch.tasks.reading import source_name
from rewardsearch.tasks.resume import ResumeTask
from rewardsearch.tasks.solved import HUB
from rewardsearch.tasks.tables import OwnPairs

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class RuleScore(Record):
    """How a rule without a model does on a split."""

    accuracy: float
    macro_f1: float | None


class SplitSheet(Record):
    """One split. What does not apply to a task is None, or empty.

    rows: that a search has of it. found: rows that the data have for it, before sizes and balancing. share: of the positive class
    as the data have it; balanced_share: of `rows`. hard_share: of pairs whose words mislead, in generated resumes. words: the
    median number of words of each text. rules: of train and val alone, since the test is sealed until finalize.
    """

    split: Split
    rows: int
    found: int
    share: float | None = None
    balanced_share: float | None = None
    hard_share: float | None = None
    words: dict[str, float] = {}
    rules: dict[str, RuleScore] = {}


class DataSheet(Record):
    """The rows of a task. read: rows of each source, by its name. left_out: rows in no split, by reason. answers: of the first
    training rows. example: one training row, as supervised fine-tuning teaches it; None where train is empty."""

    task: str
    source: str
    classes: tuple[str, str] | None
    read: dict[str, int] = {}
    left_out: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    splits: tuple[SplitSheet, ...]
    answers: tuple[str, ...]
    example: Demonstration | None


def datasheet(task: Task, config: Config, rules: bool = True) -> DataSheet:
    """The sheet of a task's rows, `rules` as well where asked for, which are fitted for it. Of the test it has numbers alone.
    Raises UserError for data that cannot be read."""
    source = task.source
    train = task.rows("train")
    return DataSheet(
        task=task.name,
        source=_source_of(config.task),
        classes=task.classes,
        read=source.read if source else {},
        left_out=source.left_out if source else {},
        notes=source.notes if source else (),
        warnings=short_splits(task, config),
        splits=tuple(_split_sheet(task, split, rules) for split in SPLITS),
        answers=tuple(row.answer for row in train[:5]),
        example=task.demonstrations()[0] if train else None,
    )


def _source_of(config: TaskConfig) -> str:
    """Where the rows come from: a file, a hub data set by its id, or `generated`."""
    return config.data or config.train_file or (HUB if config.name == "gsm8k" else "generated")


def describe_rows(task: Task, config: Config) -> tuple[str, ...]:
    """What a search says of its rows before it starts: a line with what was left out and the shares of the classes, then the
    notes. Empty for generated rows without classes."""
    if task.classes is None and task.source is None:
        return ()
    sheet = datasheet(task, config, rules=False)
    read = f", {sum(sheet.read.values()):,} rows read" if sheet.read else ""
    return (f"data: {sheet.source}{read}{_left_out(sheet.left_out)}{_shares(sheet)}", *sheet.notes)


def short_splits(task: Task, config: Config) -> tuple[str, ...]:
    """A warning for each split that has fewer rows than its size in the config; sizes that the config leaves out ask for none."""
    source = task.source
    warnings = []
    for split in SPLITS:
        key = f"{split}_rows"
        asked = getattr(config.task, key)
        found = source.found[split] if source and key in config.task.model_fields_set else asked
        if found < asked:
            warnings.append(
                f"task.{key}: got {asked:,}, the data have {found:,} rows for {split}, all of which are used; "
                "lower it, or give more rows"
            )
    return tuple(warnings)


def check_rows(task: Task, config: Config) -> None:
    """Raises UserError, a line each, for mistakes of any file; else for splits with too few rows or with rows of one class alone.

    Of the sealed test the numbers of rows are looked at, in all and of each class.
    """
    _ = task.source  # It reads every file; the rows of a split are read from one.
    if absent := _absent_class(task, config):
        raise UserError(absent)
    least: Mapping[Split, int] = {"train": config.train.prompts_per_step, "val": 1, "test": 1}
    mistakes = []
    for split, needed in least.items():
        rows = task.rows(split)
        if few := too_few(task, config, split, needed):
            mistakes.append(few)
        elif task.classes is not None:
            counts = {name: sum(row.answer == name for row in rows) for name in task.classes}
            if not all(counts.values()):
                told = " and ".join(f"{count} {name}" for name, count in counts.items())
                remedy = f"raise task.{split}_rows" if _has_both(task, split) else _advice(task, config, split)
                mistakes.append(f"task: the {split} split has {told}, needs both classes; {remedy}")
    if mistakes:
        raise UserError(*mistakes)


def too_few(task: Task, config: Config, split: Split, needed: int) -> str:
    """What to say of a split that has fewer rows than `needed`, and what to do; empty where it has enough."""
    found = len(task.rows(split))
    if found >= needed:
        return ""
    raised = task.source is None or getattr(config.task, f"{split}_rows") < needed
    remedy = f"raise task.{split}_rows" if raised else _advice(task, config, split)
    return f"task: the {split} split has {found} rows, needs {needed}; {remedy}"


def _own(task: Task) -> OwnPairs | None:
    """What the user's own data give; None for generated rows and other tasks."""
    return task.own if isinstance(task, ResumeTask) else None


def _absent_class(task: Task, config: Config) -> str:
    """What to say of one's own data that have one class alone; empty for others."""
    own = _own(task)
    found = {pair.selected for split in own.splits.values() for pair in split} if own else set()
    if len(found) != 1:
        return ""
    key, columns = "negative" if True in found else "positive", config.task.columns
    return (
        f"task.data: no whole row of {source_name(config.task.data or '')} has a {columns.label} of task.columns.{key} "
        f"({', '.join(getattr(columns, key))}); a search needs both classes: name its values there, or give rows that have them"
    )


def _advice(task: Task, config: Config, split: Split) -> str:
    """What to do about a split that is too small, or has one class; empty for generated rows."""
    own, source = _own(task), task.source
    if source is None:
        return ""
    if own is None:
        give = {
            "train": "give more rows in task.train_file",
            "val": "about one row in ten of task.train_file is for val, so give more there",
            "test": "give other rows in task.test_file",
        }
        return give[split] + _left_out(source.left_out)
    shared = list(config.task.columns.who)
    others = [] if config.task.test_data else ["give test rows of their own (task.test_data)"]
    if own.by == "texts":
        shared, others = [*shared, "job"], ["set task.split_by: persons, which parts rows of one job", *others]
    *first, last = shared
    held = f"{', a '.join(first)} or a {last}" if first else last
    ways = ", or ".join(("give more rows with others", *others))
    return f"rows that share a {held} are in one split (task.split_by: {own.by}), so {ways}"


def _has_both(task: Task, split: Split) -> bool:
    """Whether more rows of the split would have both classes: generated ones, or those that the data still have for it."""
    own = _own(task)
    return own is None or len({pair.selected for pair in own.splits[split]}) == 2


def _split_sheet(task: Task, split: Split, with_rules: bool) -> SplitSheet:
    rows = task.rows(split)
    if not isinstance(task, ResumeTask):
        words = {"prompt": median(len(row.prompt_text.split()) for row in rows)} if rows else {}
        found = task.source.found[split] if task.source else len(rows)
        return SplitSheet(split=split, rows=len(rows), found=found, words=words)
    drawn = task.drawn[split]
    pairs = task.own.splits[split] if task.own else drawn
    if not drawn:
        return SplitSheet(split=split, rows=0, found=0)
    fitted = with_rules and split != "test" and task.rows("train")
    rules = task.rules(split) if fitted else {}
    scores = {name: f1_accuracy(outcomes) for name, outcomes in rules.items()}
    return SplitSheet(
        split=split,
        rows=len(rows),
        found=len(pairs),
        share=sum(pair.selected for pair in drawn) / len(drawn),
        balanced_share=sum(row.answer == task.classes[0] for row in rows) / len(rows),
        hard_share=None if task.own else sum(pair.hard for pair in drawn) / len(drawn),
        words={
            "resume": median(len(pair.resume.split()) for pair in drawn),
            "job": median(len(pair.job.split()) for pair in drawn),
        },
        rules={name: RuleScore(accuracy=score.accuracy, macro_f1=score.macro_f1) for name, score in scores.items()},
    )


def _left_out(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return ""
    told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f", {sum(reasons.values()):,} left out ({told})"


def _shares(sheet: DataSheet) -> str:
    """`; SELECTED: 20% of train (50% once balanced), 21% of val, 19% of test`; empty for a task without classes."""
    told = []
    for each in sheet.splits:
        if each.share is not None and each.balanced_share is not None:
            evened = f" ({each.balanced_share:.0%} once balanced)" if each.balanced_share != each.share else ""
            told.append(f"{each.share:.0%} of {each.split}{evened}")
    return f"; {sheet.classes[0]}: {', '.join(told)}" if sheet.classes else ""
