"""A bank in which a class is rare where training repeats it: what it tells is of the mix that is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from user_data import write_lines

from rewardsearch.config import BankConfig, TaskConfig, parse_config
from rewardsearch.records import Rollout, Row
from rewardsearch.tasks.forms import TAGS
from rewardsearch.tasks.questions import bank_rows
from rewardsearch.tasks.resume import ResumeTask
from rewardsearch.validation.bank import Bank, Score
from rewardsearch.validation.measures import auc

GROUP = 8


@pytest.fixture
def task(tmp_path: Path) -> ResumeTask:
    """A table of which 3 in 100 are to be selected."""
    lines = [
        {"resume": f"resume {i} text", "job": f"job {i}", "label": "SELECTED" if i % 33 == 0 else "REJECTED"}
        for i in range(600)
    ]
    return ResumeTask(
        parse_config({"task": {"name": "resume", "data": write_lines(tmp_path / "rows.jsonl", lines)}}, "test").task
    )


def judged(task: ResumeTask, rows: Sequence[Row], right: int = 7) -> tuple[Rollout, ...]:
    """`right` of the GROUP completions of each row right, the others wrong."""
    other = {"SELECTED": "REJECTED", "REJECTED": "SELECTED"}
    found = []
    for place, row in enumerate(rows):
        for at in range(GROUP):
            text = TAGS.write(row.answer if (at + place) % GROUP < right else other[row.answer], "a reason")
            outcome = task.outcome(row, text)
            found.append(
                Rollout(row=row.id, completion=text, kind=outcome.kind, prediction=outcome.prediction, length=len(text))
            )
    return tuple(found)


def selects(completion: str) -> bool:
    return "> SELECTED <" in completion


def paying(right: float, wrong_selected: float, rejected: float = 0.0) -> Score:
    """A reward of what a right answer earns, what a wrong SELECTED costs, and what REJECTED earns whatever is true."""

    def score(batch: object) -> list[float]:
        return [
            right * (selects(text) == (gold == "SELECTED"))
            - wrong_selected * (selects(text) and gold != "SELECTED")
            + rejected * (not selects(text))
            for text, gold in zip(batch.completions, batch.answer, strict=True)  # type: ignore[attr-defined]
        ]

    return score


def test_what_pays_the_frequent_class_alone_tells_nothing_where_training_is_balanced(task: ResumeTask) -> None:
    asked = bank_rows(task.rows("train"), 64)
    assert 4 <= sum(row.answer == "SELECTED" for row in asked) <= 16
    found = Bank(judged(task, asked), task, BankConfig()).measure(paying(0.0, 0.0, rejected=1.0))
    assert found.checks["bank_auc"] == pytest.approx(0.5)
    assert "bank:no-signal" in found.flags


def test_judging_is_held_against_a_constant_answer_at_the_shares_of_training(task: ResumeTask) -> None:
    asked = bank_rows(task.rows("train"), 64)
    bank = Bank(judged(task, asked), task, BankConfig())
    fair = bank.measure(paying(1.0, 0.0))
    assert (fair.checks["bank_constant"], fair.checks["bank_honest"]) == (pytest.approx(0.5), pytest.approx(7 / 8))
    assert "bank:collapse" not in fair.flags
    assert "bank:collapse" in bank.measure(paying(1.0, 20.0)).flags


def test_the_first_rows_and_the_distinct_ones_of_a_class_that_is_not_rare_are_weighted_alike() -> None:
    task = ResumeTask(TaskConfig(name="resume", train_rows=200))
    rows = task.rows("train")
    assert bank_rows(rows, 48) == rows[:48]
    bank = Bank(judged(task, rows[:48]), task, BankConfig())
    assert bank.measure(paying(1.0, 0.0)).checks["bank_constant"] == 0.5


def draws_of_auc(copied: bool) -> tuple[float, float]:
    """The spread of the AUC of rewards that know nothing, over 400 draws of 7 questions of one class and 57 of the other that
    lean either way, and the mean standard error; `copied` asks the 7 again and again as questions of their own."""
    rng, values, errors = np.random.default_rng(0), [], []
    for _ in range(400):
        if copied:
            leaning = np.concatenate([rng.normal(0, 0.75, 7)[np.arange(32) % 7], rng.normal(0, 0.75, 32)])
            weights = None
        else:
            leaning, weights = rng.normal(0, 0.75, 64), np.repeat([32 / 7, 32 / 57], [7, 57])
        correct = rng.random((64, GROUP)) < 0.5
        found = auc(leaning[:, None] * np.where(correct, 1, -1) + rng.normal(size=(64, GROUP)), correct, None, weights)
        assert found is not None
        values.append(found.value)
        errors.append(found.se)
    return float(np.std(values)), float(np.mean(errors))


def test_the_standard_error_of_a_rare_class_is_that_of_its_persons() -> None:
    spread, se = draws_of_auc(copied=True)
    assert se < 0.75 * spread
    spread, se = draws_of_auc(copied=False)
    assert se == pytest.approx(spread, rel=0.15)


def test_a_weight_counts_a_question_as_often_and_is_no_further_evidence() -> None:
    rng = np.random.default_rng(1)
    rewards, correct = rng.normal(size=(30, GROUP)), rng.random((30, GROUP)) < 0.5
    counts = rng.integers(1, 4, 30)
    weighted = auc(rewards, correct, None, counts.astype(float))
    again = auc(np.repeat(rewards, counts, axis=0), np.repeat(correct, counts, axis=0))
    assert weighted is not None and again is not None
    assert weighted.value == pytest.approx(again.value)
    assert weighted.se > 1.2 * again.se
    assert auc(rewards, correct, None, np.ones(30)) == auc(rewards, correct)
