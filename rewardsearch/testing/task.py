"""The contract of a task, as tests that every implementation passes.

    class TestCapitals(TaskSuite):
        @pytest.fixture
        def config(self) -> TaskConfig:
            return TaskConfig(name="capitals.py:Capitals", data="capitals.jsonl", train_rows=30, val_rows=10, test_rows=10)

What the suite does not cover: whether the task is worth learning, and whether its rows are right.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from rewardsearch.config import TaskConfig
from rewardsearch.records import FIXED_ARGUMENTS, Row
from rewardsearch.tasks import SPLITS, Generation, Task, load_task
from rewardsearch.tasks.hostile import HOSTILE, HOSTILE_ANSWERS
from rewardsearch.tasks.numbers import gold_number


def unmeasured(row: Row) -> Row:
    """The row as the task's rows are."""
    return row.model_copy(update={"measured": {}})


class TaskSuite:
    """Subclass it, and override the fixture `config` (or `task`)."""

    @pytest.fixture
    def config(self) -> TaskConfig:
        """A config of the task with rows in every split; a few dozen rows each will do."""
        raise NotImplementedError("override the fixture `config`")

    @pytest.fixture
    def task(self, config: TaskConfig) -> Task:
        return load_task(config)

    def test_it_describes_itself(self, task: Task) -> None:
        assert task.name.strip() and task.description.strip() and task.form.strip()
        assert not (task.numeric and task.classes), "classes are no numbers"
        assert task.classes is None or 2 <= len({*task.classes}) == len(task.classes) <= 20
        assert task.positive is None or task.positive == (task.classes or ("",))[0], "the positive class is the first"
        assert len(set(task.columns)) == len(task.columns) and not {*task.columns} & {*FIXED_ARGUMENTS}
        assert all(name.isidentifier() for name in task.columns), "rewards get columns as arguments"

    def test_splits_have_rows_and_share_none(self, task: Task) -> None:
        rows = {split: task.rows(split) for split in SPLITS}
        assert all(rows.values())
        ids = [row.id for split in SPLITS for row in rows[split]]
        assert len(set(ids)) == len(ids)
        prompts = {split: {row.prompt_text for row in rows[split]} for split in SPLITS}
        for one, other in combinations(SPLITS, 2):
            assert prompts[one].isdisjoint(prompts[other]), f"{one} and {other} share prompts"

    def test_splits_are_the_same_at_every_call_and_within_their_sizes(self, task: Task, config: TaskConfig) -> None:
        again = load_task(config)
        smaller = load_task(config.model_copy(update={"train_rows": 1, "test_rows": 1}))
        for split in SPLITS:
            assert task.rows(split) == task.rows(split) == again.rows(split)
        assert len(task.rows("val")) <= config.val_rows and len(task.rows("test")) <= config.test_rows
        assert smaller.rows("val") == task.rows("val"), "rows of val depend on the sizes of the other splits"

    def test_rows_hold_their_columns_and_an_answer(self, task: Task) -> None:
        for row in (row for split in SPLITS for row in task.rows(split)):
            assert {*row.columns} == {*task.columns} and row.prompt_text.strip() and row.answer.strip()
            assert not task.numeric or gold_number(row.answer) == row.answer
            assert task.classes is None or row.answer in task.classes

    def test_labelled_completions_are_judged_as_labelled(self, task: Task) -> None:
        items, train = task.labelled(8), {row.id: row for row in task.rows("train")}
        for item in items:
            outcome = task.outcome(item.row, item.completion, 7)
            assert outcome.kind == item.kind, item.completion
            assert (outcome.id, outcome.length) == (item.row.id, 7)
            assert task.measures is not None or outcome.gold == item.row.answer
            assert (outcome.prediction is None) == (outcome.kind == "unparsed")
            assert outcome.classes == task.classes
            assert outcome.positive == (None if task.positive is None else item.row.answer == task.positive)
        by_row = {id: {item.kind for item in items if item.row.id == id} for id in {item.row.id for item in items}}
        assert 0 < len(by_row) <= 8 and all(train[item.row.id] == unmeasured(item.row) for item in items)
        columns = set() if task.measures is None else {*task.measures.columns}
        assert all({*item.row.measured} == columns for item in items)
        assert all(kinds == {"correct", "wrong", "unparsed"} for kinds in by_row.values())
        correct = {item.completion for item in items if item.kind == "correct" and item.row.id == items[0].row.id}
        assert len(correct) > 1, "several wordings show whether a reward pays for one of them alone"

    def test_a_correct_completion_is_right_in_any_form_and_a_wrong_one_is_not(self, task: Task) -> None:
        for item in task.labelled(8):
            if item.kind != "unparsed":
                assert task.right_in_any_form(item.row, item.completion) == (item.kind == "correct"), item.completion

    def test_demonstrations_answer_each_train_row_correctly(self, task: Task) -> None:
        shown = task.demonstrations()
        if task.measures is not None:  # Their completions have not been measured.
            assert all(each.row in task.rows("train") and task.answer_form.parse(each.completion) for each in shown)
            return
        assert [each.row for each in shown] == task.rows("train")
        assert {task.outcome(each.row, each.completion).kind for each in shown} == {"correct"}

    def test_the_answer_form_writes_what_the_task_reads(self, task: Task) -> None:
        right, form = task.labelled(1)[0], task.answer_form
        row = right.row
        for write in (form.write, form.write_spread):
            assert task.outcome(row, write(row.answer, "so it is")).kind == "correct"
        wrong = next(item for item in task.labelled(1) if item.kind == "wrong")
        assert task.outcome(row, form.replace(wrong.completion, row.answer)).kind == "correct"
        assert all(form.write(row.answer, "so it is").count(mark) == 1 for mark in form.marks)

    @pytest.mark.parametrize("what", [*HOSTILE, *HOSTILE_ANSWERS])
    def test_no_hostile_completion_is_correct_or_an_error(self, task: Task, what: str) -> None:
        row = task.rows("train")[0]
        text = HOSTILE[what] if what in HOSTILE else task.answer_form.write(HOSTILE_ANSWERS[what])
        outcome = task.outcome(row, text)
        assert outcome.kind != "correct" and not task.right_in_any_form(row, text)
        outcome.model_dump_json()

    def test_heuristic_baselines_answer_each_row_in_order(self, task: Task) -> None:
        for outcomes in task.heuristic_baselines("val").values():
            assert [outcome.id for outcome in outcomes] == [row.id for row in task.rows("val")]

    def test_the_source_counts_at_least_the_rows(self, task: Task) -> None:
        source = task.source
        assert source.name and not source.refusal
        if source.found is not None:
            counts = {split: {row.prompt_text for row in task.rows(split)} for split in SPLITS}
            assert all(source.found[split] >= len(counts[split]) for split in SPLITS)
            assert sum(source.left_out.values()) <= sum(source.read.values())


class MeasuringTaskSuite(TaskSuite):
    """For a task with `measures`."""

    def test_a_task_that_measures_says_what_it_measures(self, task: Task) -> None:
        assert task.measures is not None
        columns = task.measures.columns
        assert len({*columns}) == len(columns) and all(name.isidentifier() for name in columns)
        assert not {*columns} & {*task.columns, *FIXED_ARGUMENTS} and {*task.measures.constant} < {*columns}
        assert {*task.measures.meanings} == {*columns}
        assert all({*probe} == {*columns} for probe in task.measures.probes.values())

    def test_an_evaluation_judges_each_measured_row_in_order(self, task: Task) -> None:
        assert task.measures is not None
        questions = task.rows("val")[:3]
        passages = task.measures.passages(questions)
        assert len({row.id for row in passages}) == len(passages) > 0
        answers = [Generation(task.answer_form.write("so it is"), 5) for _ in passages]
        vectors = np.random.default_rng(0).normal(size=(len(passages), 64)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found = task.measures.in_evaluation(questions, answers, vectors)
        assert [unmeasured(row) for row, _ in found] == questions
        outcomes = task.outcomes([(row, answer.text, answer.tokens) for row, answer in found])
        assert all(outcome.kind in ("correct", "wrong") and outcome.length == 5 for outcome in outcomes)
