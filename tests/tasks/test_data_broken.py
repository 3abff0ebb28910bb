"""Broken data of a kind: one line with the file, the row, the column, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from user_data import write_lines

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.tasks import load_task
from rewardsearch.tasks.base import SourceReport
from rewardsearch.tasks.datasheet import check_rows

GOOD = [{"prompt": f"What is {i}?", "answer": i, "label": ("yes", "no")[i % 2], "topic": f"t{i}"} for i in range(40)]
USER = {"role": "user", "content": "What is 1 + 1?"}


def source_of(folder: Path, rows: Sequence[Any], test: Sequence[Any] | None = None, **task: Any) -> SourceReport:
    files = {"data": write_lines(folder / "rows.jsonl", rows)}
    if test is not None:
        files["test_data"] = write_lines(folder / "test.jsonl", test)
    return load_task(parse_config({"task": {"kind": "numeric"} | files | task}, "test").task).source


def refused(folder: Path, rows: Sequence[Any], test: Sequence[Any] | None = None, **task: Any) -> tuple[str, ...]:
    with pytest.raises(UserError) as error:
        source_of(folder, rows, test, **task)
    return error.value.mistakes


@pytest.mark.parametrize(
    ("row", "task", "words"),
    [
        ({"answer": "two"}, {}, ("line 41, column answer", "'two'", "#### number")),
        ({"answer": [1]}, {}, ("line 41, column answer", "a list")),
        ({"answer": False}, {}, ("line 41, column answer", "'false'", "no number")),
        ({"answer": "1/3"}, {}, ("line 41, column answer", "round it")),
        ({"prompt": {"a": 1}}, {}, ("line 41, column prompt", "an object")),
        ({"prompt": [USER, {"role": "user"}]}, {}, ("line 41, column prompt", "message 2", "content is null")),
        ({"prompt": [USER | {"content": [USER]}]}, {}, ("line 41, column prompt", "message 1", "content is a list")),
        ({"prompt": [USER, "Hi"]}, {}, ("line 41, column prompt", "message 2", "a text")),
        ({"prompt": "\ud800"}, {}, ("line 41, column prompt", "surrogate")),
        (
            {"label": "maybe"},
            {"classes": ["yes", "no"]},
            ("line 41, column label", "'maybe'", "yes, no", "task.classes"),
        ),
        ({"label": 7}, {"kind": "text"}, ("line 41, column label", "a number", "a text in rows.jsonl line 1")),
        ({"label": "a</solution>b"}, {"kind": "text"}, ("line 41, column label", "task.form")),
        ({"topic": None}, {"prompt": "{{ topic.x.y }}"}, ("task.prompt cannot be filled in",)),
    ],
)
def test_a_broken_row_is_named_with_its_column(
    tmp_path: Path, row: dict[str, Any], task: dict[str, Any], words: tuple[str, ...]
) -> None:
    if "label" in row:
        task = {"kind": "choice", "answer": "label"} | task
    lines = refused(tmp_path, [*GOOD, GOOD[0] | {"prompt": "Another?"} | row], **task)
    assert lines[0].startswith("rows.jsonl") and all(word in lines[0] for word in words), lines


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% set k = i %}{% endfor %}{% endfor %}{{ prompt }}",
        "{% for a in prompt * 900 %}{% for b in prompt * 900 %}{{ a }}{% endfor %}{% endfor %}",
        "{{ prompt * 100000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ prompt | center(1000000000) }}",
        "{{ prompt.ljust(1000000000) }}",
        "{{ '%1000000000s' % prompt }}",
        "{{ '{:1000000000}'.format(prompt) }}",
    ],
)
def test_a_template_that_takes_too_much_is_refused_with_the_row(tmp_path: Path, template: str) -> None:
    (line,) = refused(tmp_path, GOOD, prompt=template)
    assert line.startswith("rows.jsonl line 1: task.prompt takes too much"), line


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"prompt": "qestion"}, ("no column 'qestion'", "task.prompt", "prompt, answer, label, topic")),
        ({"answer": "anser"}, ("'anser'", "task.answer", "did you mean 'answer'")),
        ({"prompt": "{{ topc }}?"}, ("'topc'", "template task.prompt", "did you mean 'topic'")),
        ({"prompt": "{{ topic "}, ("task.prompt", "template")),
        ({"system": "{{ x }}", "chat": True}, ("'x'", "task.system")),
        ({"system": "Be brief."}, ("task.system", "task.chat")),
        ({"solution": "why"}, ("'why'", "task.solution")),
        ({"group": ["who"]}, ("'who'", "task.group.0")),
        ({"columns": ["level"]}, ("'level'", "task.columns.0")),
        ({"columns": ["answer"]}, ("task.columns", "'answer'", "rename")),
        ({"columns": ["my column"]}, ("task.columns", "'my column'", "rename")),
        ({"columns": ["class"]}, ("task.columns", "'class'", "rename")),
        ({"classes": ["a", "b"]}, ("task.classes", "kind numeric")),
        ({"equal": "math"}, ("task.equal", "kind numeric")),
        ({"dataset": "chain_sum"}, ("task.dataset", "kind numeric")),
        ({"balance": False}, ("task.balance", "kind numeric")),
        ({"kind": "choice", "answer": "topic"}, ("task.classes", "40 different", "task.kind: text")),
        ({"kind": "choice", "answer": "{{ topic.x.y }}"}, ("rows.jsonl line 1", "task.answer", "classes")),
        ({"kind": "choice", "answer": "label", "classes": ["yes"]}, ("task.classes", "2 to 20")),
        ({"kind": "choice", "answer": "label", "classes": {"a": "yes", "b": "YES"}}, ("task.classes", "two classes")),
        ({"kind": "choice", "answer": "label", "positive": "maybe"}, ("task.positive", "'maybe'", "no, yes")),
        ({"kind": "choice", "answer": "label", "positive": True}, ("task.positive", "quote")),
        ({"name": "gsm8k"}, ("task.name: gsm8k", "task.kind")),
        ({"form": {"regex": "So: ([a-z]+)", "example": "So: {answer}"}}, ("task.form", "'So: 0'", "rows.jsonl line 1")),
        ({"data": "."}, ("task.data: .", "folder", ".jsonl")),
        ({"kind": "number"}, ("task.kind", "'number'", "numeric, choice, text")),
        ({"data": None}, ("task.data",)),
        ({"data": "none.parquet"}, ("task.data", "none.parquet")),
        ({"form": "tag"}, ("task.form", "'tag'", "boxed")),
    ],
)
def test_a_setting_that_does_not_fit_the_data_is_named(
    tmp_path: Path, task: dict[str, Any], words: tuple[str, ...]
) -> None:
    (line,) = refused(tmp_path, GOOD, **task)
    assert all(word in line for word in words), line


def test_a_file_that_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    (line,) = refused(tmp_path, GOOD, data=str(tmp_path / "x.parquet"))
    assert line.startswith("x.parquet")


def test_the_mistakes_of_all_files_come_at_once_and_those_of_the_test_show_no_text(tmp_path: Path) -> None:
    lines = refused(tmp_path, [{"prompt": "a?", "answer": "secret 1"}], [{"prompt": "b?", "answer": "secret 2"}])
    assert [line.split(",")[0] for line in lines] == ["rows.jsonl line 1", "test.jsonl line 1"]
    assert ["secret" in line for line in lines] == [True, False]


def test_rows_without_prompt_or_answer_repeated_rows_and_contradictions_are_left_out_and_counted(
    tmp_path: Path,
) -> None:
    rows = [
        *GOOD,
        {"prompt": "", "answer": 1},
        {"prompt": "Open?", "answer": None},
        {"prompt": " what IS 3?", "answer": "3.0"},
        {"prompt": "What is 5?", "answer": 6},
    ]
    report = source_of(tmp_path, rows)
    assert report.left_out == {
        "no prompt": 1,
        "no answer": 1,
        "the same row again": 1,
        "the same prompt with different answers": 2,
    }
    assert sum((report.found or {}).values()) == 39
    (note,) = report.notes
    assert "rows.jsonl line 6" in note and "rows.jsonl line 44" in note


def test_test_rows_of_the_data_are_left_out_and_noted_with_both_rows(tmp_path: Path) -> None:
    other = [row | {"prompt": f"Other {i}?"} for i, row in enumerate(GOOD)]
    report = source_of(tmp_path, GOOD, [*other[:9], GOOD[3]])
    assert report.left_out == {"in task.test_data with a prompt of task.data": 1} and (report.found or {})["test"] == 9
    assert "test.jsonl line 10" in report.notes[0] and "rows.jsonl line 4" in report.notes[0]
    report = source_of(tmp_path, GOOD, other[:9], group="topic")
    assert report.left_out == {"in task.test_data with a topic of task.data": 9}


def test_a_split_without_rows_is_refused_with_what_to_do(tmp_path: Path) -> None:
    data, same = (write_lines(tmp_path / name, GOOD) for name in ("rows.jsonl", "same.jsonl"))
    config = parse_config({"task": {"kind": "numeric", "data": data, "test_data": same}}, "test")
    with pytest.raises(UserError) as error:
        check_rows(load_task(config.task), config)
    (line,) = error.value.mistakes
    assert "the test split has 0 rows" in line and "task.test_data" in line and "40" in line
    config = parse_config(
        {"task": {"kind": "choice", "data": data, "answer": "label", "classes": ["yes", "no", "open"]}}, "test"
    )
    with pytest.raises(UserError, match="open"):
        check_rows(load_task(config.task), config)
