"""What every record is, and the records of data: rows, batches, completions and their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from rewardsearch.records.messages import message_text

BASELINE = "baseline"
"""The id and name of the arm that trains on the base rewards alone."""
POLICY = "policy"
"""The id of the policy before any GRPO as an arm, after supervised fine-tuning where a search has it: a run of no steps."""

OutcomeKind = Literal["correct", "wrong", "unparsed"]
UNPARSED = "unparsed"
"""The column of a confusion matrix for completions without an answer."""


class Record(BaseModel):
    # JSON has no number for what is not finite; written as text it reads back as the same number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Row(Record):
    """One problem. `prompt` is plain text or chat messages; `columns` are the task's further columns, by name."""

    id: str
    prompt: str | list[dict[str, str]]
    answer: str
    columns: dict[str, str] = {}
    measured: dict[str, float] = {}
    """What the trainer measured of one completion of this row, by the name of the measured column; empty until it did."""
    groups: dict[str, str] = {}
    """The person's group by attribute, such as {"name": "b"}, for fairness tables alone: no reward and no policy sees them."""

    @property
    def prompt_text(self) -> str:
        """What a reward sees as the prompt: the plain text, or the last user message."""
        return message_text(self.prompt)

    @property
    def plain_prompt(self) -> str:
        """The prompt as plain text: the texts of its messages, a blank line between two, and a line break at the end."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n\n".join(message["content"].strip() for message in self.prompt) + "\n"


FIXED_ARGUMENTS = ("prompts", "completions", "answer")
"""What every reward is passed, beside the task's columns."""


ColumnValues = tuple[str, ...] | tuple[float, ...]
"""A column of a reward call: a text a completion, or a number a completion for a measured column."""


class Batch(Record):
    """The arguments of one reward call; every list has one entry a completion. Measured columns are numbers, others texts."""

    prompts: tuple[str, ...]
    completions: tuple[str, ...]
    answer: tuple[str, ...]
    columns: dict[str, ColumnValues] = {}

    @field_validator("columns")
    @classmethod
    def _beside_the_arguments(cls, columns: dict[str, ColumnValues]) -> dict[str, ColumnValues]:
        if taken := columns.keys() & FIXED_ARGUMENTS:
            raise ValueError(f"columns {sorted(taken)} have the names of arguments")
        return columns

    def __len__(self) -> int:
        return len(self.completions)

    @staticmethod
    def of(rows: Sequence[Row], completions: Sequence[str]) -> Batch:
        """The call that scores each completion of its row. The rows have the same columns."""
        columns: dict[str, ColumnValues] = {}
        if rows:
            columns |= {name: tuple(row.columns.get(name, "") for row in rows) for name in rows[0].columns}
            columns |= {name: tuple(row.measured[name] for row in rows) for name in rows[0].measured}
        return Batch(
            prompts=tuple(row.prompt_text for row in rows),
            completions=tuple(completions),
            answer=tuple(row.answer for row in rows),
            columns=columns,
        )


class LabelledCompletion(Record):
    """A completion of a row whose outcome is known, for validation."""

    row: Row
    completion: str
    kind: OutcomeKind


class Demonstration(Record):
    """A completion of a training row as supervised fine-tuning teaches it."""

    row: Row
    completion: str


class Completion(Record):
    """What a policy wrote for one question, as it wrote it."""

    id: str
    completion: str


class Outcome(Record):
    """What became of one question: exactly one of correct, wrong, unparsed. `length` is the completion's, in tokens.

    classes: on a task with classes their names, the positive one first if there is one; `gold` and a prediction are among them.
    None where answers are free. Raises ValueError for names that do not fit.
    """

    id: str
    kind: OutcomeKind
    gold: str
    prediction: str | None
    length: int
    positive: bool | None = None
    """Whether `gold` is the positive class; None for a task without one."""
    classes: tuple[str, ...] | None = None
    rank: int | None = None
    """On a task that ranks texts: the place of the right one, 1 the first. None for an unparsed completion and on other tasks."""

    @field_validator("classes")
    @classmethod
    def _shared(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if classes is None else _shared_names(classes)

    @model_validator(mode="after")
    def _is_of_the_classes(self) -> Outcome:
        if self.classes is None:
            if self.positive is not None:
                raise ValueError(f"question {self.id} has a positive class and no classes")
            return self
        answers = (self.gold,) if self.kind == "unparsed" else (self.gold, self.prediction)
        if not {*answers} <= {*self.classes}:
            raise ValueError(
                f"question {self.id}: gold {self.gold!r} and answer {self.prediction!r} must be of the classes "
                f"{', '.join(self.classes)}; an answer that is none of them is unparsed"
            )
        if self.positive not in (None, self.gold == self.classes[0]):
            raise ValueError(f"question {self.id}: the positive class is the first, {self.classes[0]}")
        return self


@lru_cache
def _shared_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all outcomes of a task. Raises ValueError for names that are no classes."""
    if len(classes) < 2 or len({*classes, UNPARSED}) <= len(classes):
        raise ValueError(f"classes: got {', '.join(classes)}; give two or more different names other than {UNPARSED!r}")
    return classes
