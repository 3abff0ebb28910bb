"""What a task is, and what the tasks with numeric answers share: the asked form, its parser, labelled completions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal, Protocol

from rewardsearch.records import Demonstration, LabelledCompletion, Outcome, OutcomeKind, Row
from rewardsearch.tasks.numbers import number_text, read_number

Split = Literal["train", "val", "test"]

FORM = "<thinking> your steps </thinking> <solution> the number alone </solution>"
COUNTS = """\
An answer counts only when the first <solution> tag is closed and holds one number and nothing else: `$` and thousands commas are
passed over; with a unit, `%`, other words or a second number it does not count. It is correct when that number equals `answer`,
which is written like -1200.5."""
"""How answers are judged, for proposers."""
_SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)


@dataclass(frozen=True)
class SourceReport:
    """What the rows of a task were read from.

    read: rows of each source, by its name. left_out: rows that are in no split, by reason. notes: what a user should know of
    the rows. found: rows that the data have for each split, before a config's sizes.
    """

    read: dict[str, int]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    found: dict[Split, int]


class Task(Protocol):
    """Rows of three splits and the truth about completions. `test` rows are for finalize alone."""

    name: str

    @property
    def brief(self) -> str:
        """What a proposer is told: the task, what a prompt and a completion look like, how an answer is parsed."""

    @property
    def form(self) -> str:
        """The form that a policy is asked to answer in, tags included."""

    @property
    def classes(self) -> tuple[str, str] | None:
        """The two answers of a task with classes, the positive one first; None where answers are free."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that rewards are passed beside prompt, completion and answer."""

    @property
    def source(self) -> SourceReport | None:
        """What the rows were read from, the sealed test's among them; None where they are generated. Raises UserError for data
        that cannot be used."""

    def rows(self, split: Split) -> list[Row]:
        """The rows of a split, the same at every call, each with an id of its own."""

    def outcome(self, row: Row, completion: str, length: int = 0) -> Outcome:
        """What became of `row` when answered by `completion` of `length` tokens."""

    def right_in_any_form(self, row: Row, completion: str) -> bool:
        """Whether `completion` answers `row` right, in the asked form or outside it (`the answer is 17`, a last number, a class
        that it names): what `outcome` calls unparsed may be right work. True wherever the outcome is correct."""

    def labelled(self, n: int) -> list[LabelledCompletion]:
        """Completions of `n` train rows, each once, whose kind is known: right in several wordings, wrong, unparsed."""

    def demonstrations(self) -> list[Demonstration]:
        """What supervised fine-tuning teaches: a right completion of each train row, in the asked form."""

    def rules(self, split: Split) -> dict[str, tuple[Outcome, ...]]:
        """Outcomes on a split of rules without a model, made from the train rows alone, by name; empty where there are none."""


def parse_number(completion: str) -> Decimal | None:
    """The number that alone stands in the first closed <solution> tag, as numbers.py reads it; None without one."""
    tag = _SOLUTION.search(completion)
    return None if tag is None else read_number(tag.group(1))


def numeric_outcome(row: Row, completion: str, length: int) -> Outcome:
    """Correct, wrong or unparsed, by the number in the solution tag."""
    number = parse_number(completion)
    kind: OutcomeKind = "unparsed"
    if number is not None:
        kind = "correct" if number == read_number(row.answer) else "wrong"
    prediction = None if number is None else f"{number:f}"
    return Outcome(id=row.id, kind=kind, gold=row.answer, prediction=prediction, length=length)


def numeric_demonstration(row: Row, working: str) -> Demonstration:
    """The row answered in the asked form, with its correct working."""
    return Demonstration(row=row, completion=f"<thinking> {working} </thinking> <solution> {row.answer} </solution>")


def _shifted(gold: str, by: int) -> str:
    """Another number than the gold one, exactly `by` away."""
    number = read_number(gold)
    if number is None:
        raise ValueError(f"the gold answer {gold!r} is no number")
    return number_text(Context(prec=len(gold) + 100).add(number, Decimal(by)))


def numeric_labelled(rows: Sequence[Row], workings: Sequence[str]) -> list[LabelledCompletion]:
    """Right, wrong and unparsed completions for each row, given a correct working (text without the form) for each."""
    out: list[LabelledCompletion] = []
    for i, (row, working) in enumerate(zip(rows, workings, strict=True)):
        gold = row.answer
        off = _shifted(gold, (1, -3, 10, 7)[i % 4])
        texts: tuple[tuple[str, OutcomeKind], ...] = (
            (f"<thinking> {working} </thinking> <solution> {gold} </solution>", "correct"),
            (f"<thinking>\n{working}\n</thinking>\n<solution>\n{gold}\n</solution>", "correct"),
            (f"<thinking> so the answer is {gold} </thinking> <solution> {gold} </solution>", "correct"),
            (f"<thinking> {working} </thinking> <solution> {off} </solution>", "wrong"),
            (f"<thinking> so the answer is {off} </thinking> <solution> {off} </solution>", "wrong"),
            (f"{working} The answer is {gold}.", "unparsed"),
            (f"<thinking> {working}", "unparsed"),
            ("", "unparsed"),
        )
        out.extend(LabelledCompletion(row=row, completion=text, kind=kind) for text, kind in texts)
    return out
