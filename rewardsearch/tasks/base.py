"""What a task is: rows of three splits, and the truth about completions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, get_args

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, Row
from rewardsearch.tasks.forms import TAGS, AnswerForm
from rewardsearch.tasks.measuring import Measures

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_DATA_KEYS = ("train_file", "test_file", "data", "test_data", *sorted(TaskConfig.omitted - {"kind"}))
"""The keys that only some tasks read."""
_RESUME_KEYS = ("split_by", "balance", "selected_share")
"""The keys that only the task `resume` reads."""


class LabelValues(NamedTuple):
    """How the user's data write the classes: the column of the label, and its values for each class."""

    column: str
    values: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class SourceReport:
    """Where the rows of a task come from, for `rewardsearch data` and for what a search says of its rows.

    name: a file, the id of a hub data set, or `generated`.
    read: number of rows of each source, by its name.
    left_out: number of rows that are in no split, by reason.
    notes: what a user should know about the rows, a sentence each.
    found: number of rows that the data have for each split, before the sizes of the config; None where rows are generated.
    classes: number of those rows by class, for each split; of generated rows those that were drawn. Empty without classes.
    shares: further shares of the rows of each split, by the name of their column in `rewardsearch data`.
    remedies: for each split, what to do where its rows are too few or have one class.
    refusal: why a search cannot use the data; empty where it can.
    """

    name: str = "generated"
    read: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    found: Mapping[Split, int] | None = None
    classes: Mapping[Split, Mapping[str, int]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[Split, float]] = field(default_factory=dict)
    remedies: Mapping[Split, str] = field(default_factory=dict)
    refusal: str = ""


GENERATED = SourceReport()


class Task(Protocol):
    """A task: `TaskClass(config)`, with `config` the section `task` of a search's config.

    A class that derives from this one defines `name`, `description`, `form`, `rows`, `outcome`, `labelled` and
    `demonstrations`; the rest has defaults. `rewardsearch.testing.task.TaskSuite` tests it. Rows, and what is made of
    them, depend on the config alone: another process gets the same ones. `test` rows are for finalize alone.
    """

    name: str
    description: str
    """What a proposer needs to know: the task, what a prompt and a completion look like, and when an answer counts."""
    form: str
    """The text that asks for the answer form, tags included."""
    answer_form: AnswerForm = TAGS
    """The answer form itself: base rewards, probes and exploits write and read answers with it."""
    reward_code: tuple[str, ...] = ()
    """Python sources for the base rewards: definitions of `solution`, `is_exact`, `MARKS`, `number`, `plain` that stand in the
    place of those for tags and plain numbers. One that defines `reward` is the whole of the base reward `answer`."""
    numeric: bool = False
    """Whether every gold answer is a number, written as `numbers.number_text` does."""
    classes: tuple[str, ...] | None = None
    """The answers of a task with classes, two or more, the positive one first; None where answers are free."""
    positive: str | None = None
    """The class whose F1 candidates are ranked by, which is the first; None: they are ranked by macro F1."""
    columns: tuple[str, ...] = ()
    """The names of `Row.columns`, which rewards get beside prompt, completion and answer."""
    label_values: LabelValues | None = None
    """How the user's data write the classes, where that is not by their names."""
    measures: Measures | None = None
    """What the trainer measures of completions: `outcome` and rewards then get rows with `measured`. None: nothing."""

    @property
    def source(self) -> SourceReport:
        """Where the rows come from, those of the sealed test included. Raises UserError for data that cannot be used."""
        return GENERATED

    @abstractmethod
    def rows(self, split: Split) -> list[Row]:
        """The rows of a split, at most as many as the config asks for, each with its own id. Raises UserError for data that
        cannot be read."""
        ...

    @abstractmethod
    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        """Whether `completion`, of `length` tokens, answers `row` correctly, wrongly, or not in the asked form (unparsed)."""
        ...

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        """Whether `completion` answers `row` right, also outside the asked form (`the answer is 17`, say): a completion that
        `outcome` calls unparsed may be right. True wherever the outcome is correct."""
        return self.outcome(row, completion).kind == "correct"

    @abstractmethod
    def labelled(self, n: int) -> list[LabelledCompletion]:
        """Completions of the first `n` train rows with different prompts, each of known kind: right in several wordings, wrong,
        unparsed. Candidates are validated on them. Of a task that measures, the rows have made-up numbers (`probe_row`)."""
        ...

    @abstractmethod
    def demonstrations(self) -> list[Demonstration]:
        """What supervised fine-tuning teaches: for each train row a right completion in the asked form. A task that measures has
        them only where its data do."""
        ...

    def outcomes(self, answered: Sequence[tuple[Row, str, int]]) -> list[Outcome]:
        """The outcome of each row, completion and length, as `outcome` gives it."""
        return [self.outcome(row, completion, length) for row, completion, length in answered]

    def check(self) -> None:
        """What a task does before a search to find its own mistakes. Raises UserError."""

    def heuristic_baselines(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        """Outcomes on a split of heuristics without a model, fitted to the train rows, by name; empty where there are none."""
        return {}


def solution_of(completion: str) -> str | None:
    """The text in the first closed <solution> tag, without outer white space; None without such a tag."""
    return TAGS.parse(completion)


def refuse_data_keys(config: TaskConfig, reads: tuple[str, ...] = ()) -> None:
    """Raises UserError for keys of the config that have a value and are not among those that the task `reads`."""
    given = [f"task.{key}" for key in _DATA_KEYS if key not in reads and getattr(config, key)]
    if config.columns.rewards and "columns" not in reads:
        given.append("task.columns")
    if config.kind is not None:
        given += [f"task.{key}" for key in _RESUME_KEYS if getattr(config, key) != TaskConfig.model_fields[key].default]
    if given:
        allowed = f"reads {', '.join(f'task.{key}' for key in reads)}" if reads else "generates its rows"
        what = f"kind {config.kind}" if config.kind else f"task {config.name}"
        raise UserError(f"{', '.join(given)}: {what} {allowed}; leave {' and '.join(given)} out")
