"""What is exported: the rewards of a run, and what a trainer has to know about them."""

from __future__ import annotations

from typing import Literal

from rewardsearch.records import Aggregation, Record, RewardSpec

SUMMED: Aggregation = "sum_then_normalize"


class ExportExample(Record):
    """A completion, and what the rewards of a selection pay it in the sandbox of the search."""

    prompt: str
    completion: str
    answer: str
    columns: dict[str, str | float] = {}
    """Texts, and numbers of measured columns."""
    rewards: tuple[float, ...]
    """The value of each reward, in the order of the selection."""


class ExportSelection(Record):
    """The rewards to export, with what a trainer needs besides their code."""

    source: str
    """Where they come from, in words, such as `ensemble-top3 of my-run`."""
    rewards: tuple[RewardSpec, ...]
    """Id, name, code and weight of each reward; base rewards first."""
    aggregation: Aggregation = SUMMED
    """How a trainer makes one advantage of several rewards."""
    columns: tuple[str, ...] = ()
    """Columns of the data set that the rewards read besides prompt, completion and answer."""
    measured: tuple[str, ...] = ()
    """Measured columns that the rewards read; see `Row.measured`."""
    negatives: int = 1
    """Where they read measured columns: hard negatives of a row that counted in training."""
    classes: tuple[str, ...] | None = None
    """All answers that the task has, the positive class first; None where answers are free."""
    numeric: bool = False
    """Whether every gold answer is a number, so that any other value is an error."""
    golds: Literal["plain", "number", "text"] = "plain"
    """How gold answers are read: numbers and texts as numbers.py reads them, as equal/value.py reads numbers, or as texts."""
    labels: dict[str, tuple[str, ...]] = {}
    """The values in the user's data that meant each class; empty where they are the names of the classes."""
    label_column: str = ""
    """The column of the user's data with these values."""
    sft_adapter: str | None = None
    """The adapter of supervised fine-tuning that the search started from, below `runs/`; None for a search without SFT."""
    arm: str | None = None
    """The arm of the run with these rewards; None for several candidates together."""
    test_findings: tuple[str, ...] = ()
    """What the sealed test of the search says about these rewards, one sentence each."""
    components: dict[str, tuple[str, ...]] = {}
    """The names of the components of each reward that has some, by the reward's id."""
    examples: tuple[ExportExample, ...] = ()
    """Made-up completions and what they are paid, for the tests that go with an export."""
