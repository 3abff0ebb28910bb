"""The tests that go with an export. They need pytest and the standard library, and call the module as the trainer does."""

from __future__ import annotations

from typing import Any

from rewardsearch.exporters.formatting import format_python
from rewardsearch.exporters.module import MODULE, plain
from rewardsearch.exporters.records import ExportSelection

_TESTS = '''\
"""Checks {module}.py for {trainer}: {source}. Run: python -m pytest test_{module}.py"""

import importlib.util
import math
from pathlib import Path

import pytest

ROW = {row!r}
ODD = ["", " ", "0", "\\x00", "<solution>" * 40, "9" * 400, "1e999", "- - -", "[](){{}}", "\\u00bd \\U0001f600", "a" * 20000]


def load():
    """The module as new."""
    path = Path(__file__).with_name("{module}.py")
    spec = importlib.util.spec_from_file_location("{module}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


{totals}

def test_any_completion_gets_a_finite_reward():
    rows = [{{**ROW, "completion": text}} for text in ODD]
    assert all(math.isfinite(value) for value in totals(load(), rows))


def test_a_gold_answer_that_cannot_be_read_is_an_error_once():
    module, bad = load(), " "
    with pytest.raises(ValueError, match=repr(bad)):
        totals(module, [{{**ROW, "answer": bad}}])
    assert totals(module, [{{**ROW, "answer": bad}}]) == [0.0]
'''
_EXAMPLES = """

# Made-up completions, and what the search paid them.
EXAMPLES = {examples!r}


def test_examples_are_paid_what_the_search_paid_them():
    given = totals(load(), [row for row, _ in EXAMPLES])
    for value, (row, paid) in zip(given, EXAMPLES):
        assert abs(value - paid) <= 1e-9, row
"""


def landing_test(selection: ExportSelection, trainer: str, totals: str) -> str:
    """The text of the test file.

    totals: the source of a function `totals(module, rows)` that calls the module as the trainer does and gives the weighted sum
    of each row, a dict with prompt, completion, answer and columns.
    """
    rows: list[tuple[dict[str, Any], float]] = []
    for example in selection.examples:
        row = example.model_dump(include={"prompt", "completion", "answer", "columns"})
        paid = sum(spec.weight * value for spec, value in zip(selection.rewards, example.rewards, strict=True))
        rows.append((row, paid))
    answer = selection.classes[0] if selection.classes else "7"
    columns = dict.fromkeys(selection.columns, "") | dict.fromkeys(selection.measured, 0.5)
    empty = {"prompt": "", "completion": "", "answer": answer, "columns": columns}
    text = _TESTS.format(
        module=MODULE,
        trainer=trainer,
        source=plain(selection.source),
        row=rows[0][0] if rows else empty,
        totals=totals.strip() + "\n",
    )
    return format_python(text + (_EXAMPLES.format(examples=rows) if rows else ""))
