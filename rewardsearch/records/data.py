"""What every record is, and the records of data: rows, batches, completions and their outcomes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from rewardsearch.records.messages import message_text

BASELINE = "baseline"
"""The id and name of the arm that trains on the base rewards alone."""
POLICY = "policy"
"""The id of the policy before any GRPO as an arm, after supervised fine-tuning where a search has it: a run of no steps."""

OutcomeKind = Literal["correct", "wrong", "unparsed"]


class Record(BaseModel):
    # JSON has no number for what is not finite; written as text it reads back as the same number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Row(Record):
    """One problem. `prompt` is plain text or chat messages; `columns` are the task's further columns, by name."""

    id: str
    prompt: str | list[dict[str, str]]
    answer: str
    columns: dict[str, str] = {}
    groups: dict[str, str] = {}
    """The person's group by attribute, such as {"name": "b"}, for fairness tables alone: no reward and no policy sees them."""

    @property
    def prompt_text(self) -> str:
        """What a reward sees as the prompt: the plain text, or the last user message."""
        return message_text(self.prompt)


FIXED_ARGUMENTS = ("prompts", "completions", "answer")
"""What every reward is passed, beside the task's columns."""


class Batch(Record):
    """The arguments of one reward call; every list has one entry a completion."""

    prompts: tuple[str, ...]
    completions: tuple[str, ...]
    answer: tuple[str, ...]
    columns: dict[str, tuple[str, ...]] = {}

    @field_validator("columns")
    @classmethod
    def _beside_the_arguments(cls, columns: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if taken := columns.keys() & FIXED_ARGUMENTS:
            raise ValueError(f"columns {sorted(taken)} have the names of arguments")
        return columns

    def __len__(self) -> int:
        return len(self.completions)


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
    """What became of one question: exactly one of correct, wrong, unparsed. `length` is the completion's, in tokens."""

    id: str
    kind: OutcomeKind
    gold: str
    prediction: str | None
    length: int
    positive: bool | None = None
    """Whether `gold` is the positive class; None for a task without classes. There an unparsed completion counts as the wrong
    class."""
