"""What is known about a search's rows before anything is trained: sizes, classes, what was left out, heuristic baselines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median

from rewardsearch.config import Config
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, OutcomeKind, Record
from rewardsearch.stats import f1_accuracy
from rewardsearch.tasks.base import SPLITS, SourceReport, Split, Task


class BaselineScore(Record):
    """The score of a heuristic baseline on a split."""

    accuracy: float
    macro_f1: float | None


class SplitSheet(Record):
    """One split. Values that do not apply to a task are None, or empty.

    rows: number of rows in a search. found: number of rows that the data have, before sizes and balancing. classes: the share
    of each class among those found. share: of the positive class; balanced_share: among `rows`. shares: further shares, by
    name. words: median number of words of each column, of the prompt where there are no columns. baselines: heuristic
    baselines on train and val; the test is sealed.
    """

    split: Split
    rows: int
    found: int
    classes: dict[str, float] = {}
    share: float | None = None
    balanced_share: float | None = None
    shares: dict[str, float] = {}
    words: dict[str, float] = {}
    baselines: dict[str, BaselineScore] = {}


class JudgedExample(Record):
    """A labelled completion. kind: what it is by its making. judged: what the task says of it, which is the same."""

    kind: OutcomeKind
    judged: OutcomeKind
    completion: str


class DataSheet(Record):
    """The rows of a task. read: number of rows of each source, by its name. left_out: number of rows in no split, by reason.
    answers: of the first training rows. example: a training row as supervised fine-tuning teaches it; None where there is
    none. labelled: completions of one training row, on which rewards are validated."""

    task: str
    source: str
    classes: tuple[str, ...] | None
    read: dict[str, int] = {}
    left_out: dict[str, int] = {}
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    splits: tuple[SplitSheet, ...]
    answers: tuple[str, ...]
    example: Demonstration | None
    labelled: tuple[JudgedExample, ...] = ()


def datasheet(task: Task, config: Config, full: bool = True) -> DataSheet:
    """The sheet of a task's rows; a full one has labelled completions, and heuristic baselines, which are fitted now. Nothing of
    the test is shown but numbers. Raises UserError for data that cannot be read; for a full one also where the task's own check
    fails."""
    source = task.source
    train = task.rows("train")
    if full and train:
        task.check()
    return DataSheet(
        task=task.name,
        source=source.name,
        classes=task.classes,
        read=dict(source.read),
        left_out=dict(source.left_out),
        notes=source.notes,
        warnings=short_splits(task, config),
        splits=tuple(_split_sheet(task, source, split, full and bool(train)) for split in SPLITS),
        answers=tuple(row.answer for row in train[:5]),
        example=next(iter(task.demonstrations()), None) if train else None,
        labelled=tuple(_judged(task, each) for each in task.labelled(1)) if full and train else (),
    )


def describe_rows(task: Task, config: Config) -> tuple[str, ...]:
    """The lines about its rows with which a search starts: what was left out and the shares of the classes, then the notes.
    Empty for generated rows without classes."""
    if task.classes is None and task.source.found is None:
        return ()
    sheet = datasheet(task, config, full=False)
    read = f", {sum(sheet.read.values()):,} rows read" if sheet.read else ""
    return (f"data: {sheet.source}{read}{_left_out(sheet.left_out)}{_shares(sheet)}", *sheet.notes)


def short_splits(task: Task, config: Config) -> tuple[str, ...]:
    """A warning for each split that has fewer rows than its size in the config; sizes that the config leaves out ask for
    none."""
    found = task.source.found
    warnings = []
    for split in SPLITS:
        key = f"{split}_rows"
        size = getattr(config.task, key)
        if found is not None and key in config.task.model_fields_set and found[split] < size:
            warnings.append(
                f"task.{key}: got {size:,}, but the data have {found[split]:,} rows for {split}; all of them are used; "
                "lower the value, or add rows"
            )
    return tuple(warnings)


def check_rows(task: Task, config: Config) -> None:
    """Raises UserError, a line each: for the mistakes of all files, else for splits with too few rows or with rows of one
    class, else for what the task itself finds.

    Of the sealed test only numbers of rows are used: of all, and of each class.
    """
    source = task.source  # It reads every file; the rows of a split come from one.
    if source.refusal:
        raise UserError(source.refusal)
    needed: Mapping[Split, int] = {"train": config.train.prompts_per_step, "val": 1, "test": 1}
    mistakes = []
    for split in SPLITS:
        rows = task.rows(split)
        if few := too_few(task, config, split, needed[split]):
            mistakes.append(few)
        elif task.classes is not None:
            counts = {name: sum(row.answer == name for row in rows) for name in task.classes}
            if not all(counts.values()):
                every = "both classes" if len(counts) == 2 else "every class"
                has = " and ".join(f"{count} {name}" for name, count in counts.items())
                more = source.found is None or all(source.classes.get(split, {"": 0}).values())
                remedy = f"raise task.{split}_rows" if more else _remedy(source, split)
                mistakes.append(f"task: the {split} split has {has}, needs {every}; {remedy}")
    if mistakes:
        raise UserError(*mistakes)
    if config.sft.enabled and not task.demonstrations():
        raise UserError(
            "sft.enabled: got true, but the task's data have no completions to teach; name a column that has them, or set it "
            "to false"
        )
    if (given := task.outcome(task.rows("train")[0], "").classes) != task.classes:
        raise UserError(
            f"task.name: the outcomes of {task.name} have classes {given}, the task has {task.classes}; "
            "pass classes=self.classes to Outcome"
        )
    task.check()


def too_few(task: Task, config: Config, split: Split, needed: int) -> str:
    """The message for a split that has fewer rows than `needed`, with what to do; empty where it has enough."""
    found = len(task.rows(split))
    if found >= needed:
        return ""
    raised = task.source.found is None or getattr(config.task, f"{split}_rows") < needed
    remedy = f"raise task.{split}_rows" if raised else _remedy(task.source, split)
    return f"task: the {split} split has {found} rows, needs {needed}; {remedy}"


def _remedy(source: SourceReport, split: Split) -> str:
    """What to do where the data have too few rows for a split."""
    return f"{source.remedies.get(split, 'give more rows')}{_left_out(source.left_out)}"


def _split_sheet(task: Task, source: SourceReport, split: Split, with_baselines: bool) -> SplitSheet:
    rows, counts = task.rows(split), source.classes.get(split, {})
    texts = {name: [row.columns[name] for row in rows] for name in task.columns}
    texts = texts or {"prompt": [row.prompt_text for row in rows]}
    fitted = task.heuristic_baselines(split) if with_baselines and rows and split != "test" else {}
    scores = {name: f1_accuracy(outcomes) for name, outcomes in fitted.items()}
    names, drawn = task.classes or (), Counter(row.answer for row in rows)
    given = counts if any(counts.values()) else drawn
    positive = task.positive or names[0] if task.positive or len(names) == 2 else None
    return SplitSheet(
        split=split,
        rows=len(rows),
        found=len(rows) if source.found is None else source.found[split],
        classes={name: given[name] / sum(given.values()) for name in names if rows},
        share=given[positive] / sum(given.values()) if positive and rows else None,
        balanced_share=drawn[positive] / len(rows) if positive and rows else None,
        shares={name: values[split] for name, values in source.shares.items()},
        words={name: median(len(text.split()) for text in column) for name, column in texts.items() if column},
        baselines={
            name: BaselineScore(accuracy=each.accuracy, macro_f1=each.macro_f1) for name, each in scores.items()
        },
    )


def _judged(task: Task, each: LabelledCompletion) -> JudgedExample:
    judged = task.outcome(each.row, each.completion, len(each.completion.split()))
    return JudgedExample(kind=each.kind, judged=judged.kind, completion=each.completion)


def _left_out(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return ""
    counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f", {sum(reasons.values()):,} left out ({counts})"


def _shares(sheet: DataSheet) -> str:
    """`; SELECTED: 20% of train (50% once balanced), 21% of val, 19% of test`; of many classes their shares of train; empty
    for a task without classes."""
    if sheet.splits[0].share is None and sheet.splits[0].classes:
        return "; of train " + ", ".join(f"{share:.0%} {name}" for name, share in sheet.splits[0].classes.items())
    shares = []
    for each in sheet.splits:
        if each.share is not None and each.balanced_share is not None:
            balanced = f" ({each.balanced_share:.0%} once balanced)" if each.balanced_share != each.share else ""
            shares.append(f"{each.share:.0%} of {each.split}{balanced}")
    return f"; {sheet.classes[0]}: {', '.join(shares)}" if sheet.classes else ""
