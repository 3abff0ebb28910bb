"""Measured columns: numbers that a trainer measures of each completion with the policy in training, and passes to rewards.

A task that has them (`Task.measures`) says what is read with the policy, and which numbers follow. The vectors stay in the
training process.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rewardsearch.records import Row

Vectors = NDArray[np.float32]
"""Embeddings, one a line: (texts, hidden size), each of length 1."""


class Generation(NamedTuple):
    """A completion of one prompt, and its length in tokens. It ends before the token that generation stopped at."""

    text: str
    tokens: int


class Reader(Protocol):
    """A policy as it stands, to read with. An engine provides it; nothing that it does changes the policy, or what is drawn
    later."""

    def write(self, rows: Sequence[Row], temperature: float, seed: int) -> list[Generation]:
        """A completion of each of `rows`, sampled at `temperature`, at most `train.max_completion_tokens` tokens. They follow
        from the policy and `seed`."""
        ...

    def embed(self, passages: Sequence[tuple[Row, str]]) -> Vectors:
        """The embedding of each row's prompt with a completion after it, which may be empty: the mean of the last hidden states
        over all tokens from the row's own text on (`Row.prompt_text`; what stands before it, such as a system message, is read
        and not counted), divided by its length. In float32; the same alone and in a batch to 1e-5."""
        ...


ProbeKind = Literal["correct", "wrong", "unparsed", "generic", "copied", "empty"]
"""A completion of validation: of an outcome; or, beside the rest of its form, with words that fit every row, with the row's own
text again, or with nothing."""
_VARIED = 0.02
"""How far apart made-up numbers of completions of one kind are."""


class Contrast(Protocol):
    """The texts of one training row: a query, the text that belongs to it, and hard negatives. Texts of rows of one group are
    never each other's negatives; None: no other row's text belongs to this one."""

    @property
    def query(self) -> Row: ...

    @property
    def positive(self) -> Row: ...

    @property
    def negatives(self) -> tuple[Row, ...]: ...

    @property
    def group(self) -> str | None: ...


class Meaning(NamedTuple):
    """What a measured column says of a completion, in words for a proposer, and its least and greatest value (None: no limit)."""

    text: str
    least: float | None
    greatest: float | None

    @property
    def range(self) -> str:
        """In words, such as "-1 to 1"."""
        if self.least is None or self.greatest is None:
            ends = [f"{self.least:g} or more"] if self.least is not None else []
            ends += [f"{self.greatest:g} or less"] if self.greatest is not None else []
            return "".join(ends) or "any number"
        return f"{self.least:g} to {self.greatest:g}"

    def nearest(self, number: float) -> float:
        """The value that the column can have and that is nearest to `number`."""
        number = number if self.greatest is None else min(number, self.greatest)
        return number if self.least is None else max(number, self.least)


class Measures(Protocol):
    """What a task measures. Rows come back as copies with `measured`. Measured numbers are finite."""

    columns: tuple[str, ...]
    """The names of the measured columns."""
    constant: tuple[str, ...]
    """Those of `columns` that are the same for all completions of a group: alone they teach nothing in GRPO."""
    meanings: Mapping[str, Meaning]
    """What each of `columns` says of a completion."""
    probes: Mapping[ProbeKind, Mapping[str, float]]
    """Made-up numbers of a completion of each kind, which fit together: validation has no policy to measure with."""

    def in_training(self, reader: Reader, rows: Sequence[Row], answers: Sequence[Generation], seed: int) -> list[Row]:
        """The row of each completion of a training step, measured. The completions of a group follow one another. seed: of what
        is drawn."""
        ...

    def contrasts(self, rows: Sequence[Row]) -> Sequence[Contrast]:
        """The texts of each of `rows`, for supervised contrastive training."""
        ...

    def passages(self, questions: Sequence[Row]) -> list[Row]:
        """The rows that a policy answers greedily and embeds for an evaluation on `questions`, each once."""
        ...

    def in_evaluation(
        self, questions: Sequence[Row], answers: Sequence[Generation] | None, vectors: Vectors
    ) -> list[tuple[Row, Generation]]:
        """Each question, measured, with its own completion. answers, vectors: of the `passages` of `questions`, in order. None:
        the texts were embedded bare, and no question is unparsed for want of an answer."""
        ...


def probe_row(measures: Measures, row: Row, kind: ProbeKind, variant: int = 0) -> Row:
    """A copy of `row` with the made-up numbers of a completion of `kind`. What is constant in a group is as for a correct one.

    Numbers that are not whole differ a little from row to row, and, of columns that are not constant, between variants.
    """
    drawn = {
        name: random.Random(f"{row.id} {name}{'' if name in measures.constant else f' {kind} {variant}'}")
        for name in measures.columns
    }
    usual = {name: measures.probes["correct" if name in measures.constant else kind][name] for name in measures.columns}
    measured = {
        name: value if value.is_integer() else value + drawn[name].uniform(-_VARIED, _VARIED) / 2
        for name, value in usual.items()
    }
    return row.model_copy(update={"measured": measured})
