"""How a trainer's arguments become gold answers, columns and plain completions. The text of this file goes into modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

GOLD_COLUMNS = ("answer", "solution", "ground_truth", "label")
"""Columns that may hold the gold answer, where the data have no column GOLD_COLUMN."""
END_TOKENS = (
    *("<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>"),
    *("</s>", "<eos>", "<end_of_turn>", "<turn|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<pad>", "<|pad|>"),
)
"""Special tokens that end a completion. The rewards never saw them."""


def gold_of(columns: Mapping[str, Any], first: str) -> Any:
    """The gold answer, or the column of gold answers, by its name. Raises KeyError where there is none."""
    for name in (first, *GOLD_COLUMNS):
        if columns.get(name) is not None:
            return columns[name]
    raise KeyError(f"the data have no column {first!r}: set GOLD_COLUMN to the column with the gold answer")


def row_of(label: Any) -> dict[str, Any]:
    """The columns in a label: those of a dict, or of its JSON text, with an `answer`; else the label is the answer."""
    row = label
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            row = json.loads(label)
        except ValueError:
            row = None
    return dict(row) if isinstance(row, dict) and "answer" in row else {"answer": label}


def without_end(text: str) -> str:
    """A completion without the special tokens that end it."""
    while True:
        ended = [token for token in END_TOKENS if text.endswith(token)]
        if not ended:
            return text
        text = text[: -len(ended[0])]
