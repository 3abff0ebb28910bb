"""GSM8K-shaped files of a user's: what is read, what is left out and counted, and what is told by its line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.tasks import load_task
from rewardsearch.tasks.base import SourceReport
from rewardsearch.tasks.datasheet import check_rows, datasheet
from rewardsearch.tasks.gsm8k import Gsm8kTask


def item(i: int, gold: object = None) -> dict[str, Any]:
    return {
        "question": f"Ann has {i} pens and 1 more. How many?",
        "answer": f"{i}+1\n#### {i + 1}" if gold is None else gold,
    }


def lines(rows: Sequence[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


TEST = lines([{**item(i), "question": f"Bob has {i} cups and 1 more. How many?"} for i in range(20)])


class Files:
    """The task over a train and a test file, in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def task(self, train: str | bytes, test: str | bytes = TEST) -> Gsm8kTask:
        named = {}
        for part, text in (("train", train), ("test", test)):
            file = self._folder / f"{part}.jsonl"
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
            named[f"{part}_file"] = str(file)
        task = load_task(parse_config({"task": {"name": "gsm8k", **named}}, "test").task)
        assert isinstance(task, Gsm8kTask)
        return task

    def refused(self, train: str | bytes, test: str | bytes = TEST) -> tuple[str, ...]:
        with pytest.raises(UserError) as refused:
            _ = self.task(train, test).source
        return refused.value.mistakes

    def report(self, train: str | bytes, test: str | bytes = TEST) -> SourceReport:
        return self.task(train, test).source


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


AGAIN, TWO = "the same row again", "the same prompt with different answers"
SEEN = "in task.test_file with a prompt of task.train_file"


@pytest.mark.parametrize(
    "written",
    [
        "Zoë’s box — it holds 3 pens.  How many?",
        "zoë's BOX - it holds 3 pens. how many?",
        " Zoe\u0308's box \u2013 it holds 3\u00a0pens.\tHow many?\n",
        "Zoë`s box \u2212 it holds \uff13 pens. How\u200b many?",
    ],
)
def test_a_question_again_is_left_out_and_counted_however_it_is_written(files: Files, written: str) -> None:
    known = {"question": "Zoë's box - it holds 3 pens. How many?", "answer": "#### 3"}
    for gold, left_out in (("so\n#### 3.0", {AGAIN: 1}), ("#### 4", {TWO: 2})):
        report = files.report(lines([known, *map(item, range(40)), {"question": written, "answer": gold}]))
        assert report.left_out == left_out
        assert report.found["train"] + report.found["val"] == 42 - sum(left_out.values())
        report = files.report(lines(map(item, range(40))), TEST + lines([known, {"question": written, "answer": gold}]))
        assert (report.left_out, report.found["test"]) == (left_out, 22 - sum(left_out.values()))
    assert files.report(lines([known]), TEST + lines([{"question": written, "answer": "#### 9"}])).left_out == {SEEN: 1}


@pytest.mark.parametrize("other", ["3 + 2?", "3.2?", "32?", "3\u00b2?", "3 2?"])
def test_questions_that_differ_in_a_sign_of_arithmetic_are_two(files: Files, other: str) -> None:
    rows = [{"question": "3 - 2?", "answer": "#### 1"}, {"question": other, "answer": "#### 5"}]
    assert files.report(lines(rows)).left_out == {}


def test_every_row_has_an_id_of_its_own_and_no_question_of_test_is_trained_on(files: Files) -> None:
    rows = [item(i) for i in range(80)]
    task = files.task(lines([*rows, *rows[:30]]), lines([*rows[40:], *rows[:9]]) + TEST + TEST)
    found = {split: task.rows(split) for split in ("train", "val", "test")}
    assert [len(found["train"]) + len(found["val"]), len(found["test"])] == [80, 20]
    ids = [row.id for rows in found.values() for row in rows]
    assert len(set(ids)) == len({row.prompt_text for rows in found.values() for row in rows}) == len(ids) == 100
    assert task.source.left_out == {AGAIN: 30 + 20, SEEN: 49}
    assert task.source.read == {"train.jsonl": 110, "test.jsonl (test)": 89}


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (3, "3"),
        (-2.50, "-2.5"),
        ("17", "17"),
        ("#### 1,200", "1200"),
        ("a\n#### \u22123", "-3"),
        ("1e3", "1000"),
        ("$5", "5"),
    ],
)
def test_a_gold_may_be_a_number_or_stand_alone(files: Files, answer: object, gold: str) -> None:
    task = files.task(lines([item(i, answer) for i in range(30)]))
    assert {row.answer for row in task.rows("train")} == {gold}
    kinds = {each.kind for each in task.labelled(4) if task.outcome(each.row, each.completion).kind == each.kind}
    assert kinds == {"correct", "wrong", "unparsed"}
    bare = not str(answer).startswith("a\n")
    assert [note.split()[0] for note in task.source.notes] == ([str(task.source.found["train"])] if bare else [])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (item(1, "so\n#### nan"), "'nan'"),
        (item(1, "#### inf"), "'inf'"),
        (item(1, float("-inf")), "'-inf'"),
        (item(1, "1 + 1 = 2"), "'1 + 1 = 2'"),
        (item(1, "#### two"), "'two'"),
        (item(1, "2 ####"), "''"),
        (item(1, "#### 1,2,3"), "'1,2,3'"),
        (item(1, ["2"]), "a list"),
        (item(1, True), "'true'"),
        ({"question": "\ud800", "answer": 2}, "surrogate"),
        ({"question": {"text": "1?"}, "answer": "#### 2"}, "an object"),
        ("no object", "got a text"),
        (None, "got null"),
    ],
)
def test_a_broken_row_is_told_with_its_line_and_of_test_without_its_value(files: Files, row: object, told: str) -> None:
    good = lines([item(7)])
    text = good + "\n" + json.dumps(row) + "\n" + good
    (line,) = files.refused(text)
    assert line.startswith("train.jsonl line 3") and told in line
    (line,) = files.refused(good, text)
    assert line.startswith("test.jsonl line 3") and (told in line) == (not told.startswith("'"))


def test_a_row_without_question_or_answer_is_left_out_and_counted(files: Files) -> None:
    gaps = [{"question": "1 + 1?"}, {"question": None, "answer": "#### 2"}, {"question": "  ", "answer": 2}]
    report = files.report(lines([*map(item, range(40)), *gaps, item(1, ""), item(2, float("nan"))]))
    assert report.left_out == {"no answer": 3, "no prompt": 2}


def test_all_mistakes_of_both_files_are_told_at_once_and_those_of_one_kind_counted(files: Files) -> None:
    told = files.refused(
        lines([item(i, "#### nan") for i in range(8)]) + '{"question": "1?"}\n{"question"\n' + lines([item(1)]),
        lines([item(1, [])]) + '{"question": "a?", "question": "b?", "answer": 1}\n',
    )
    assert [line.split(":")[0].split(",")[0] for line in told] == [
        *("train.jsonl line 10",),
        *(f"train.jsonl line {number}" for number in range(1, 6)),
        "train.jsonl",
        "test.jsonl line 2",
        "test.jsonl line 1",
    ]
    assert "3 more" in told[6] and "'question' comes twice" in told[7]


def test_a_file_is_read_in_every_unicode_encoding_with_and_without_a_mark(files: Files) -> None:
    text = lines([{"question": f"Zoë has {i} €?", "answer": i} for i in range(40)])
    expected = [row.prompt_text for row in files.task(text).rows("train")]
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert [row.prompt_text for row in files.task(text.encode(encoding)).rows("train")] == expected
    for ends in ("\r\n", "\r"):
        assert [row.prompt_text for row in files.task(text.replace("\n", ends)).rows("train")] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            lines([item(1), {"question": "Mia’s?", "answer": "#### 1"}]).encode("cp1252"),
            "train.jsonl line 2: not UTF-8 (byte 0x92)",
        ),
        (
            lines([item(1), {"question": "Zoë?", "answer": "#### 1"}]).encode("latin-1"),
            "train.jsonl line 2: not UTF-8 (byte 0xeb)",
        ),
        (lines([item(1)]).encode("utf-16")[:-1], "not UTF-16"),
        (b"", "train.jsonl is empty"),
        (gzip.compress(lines([item(1)]).encode(), mtime=0), "train.jsonl is a gzip file"),
        (b"PAR1\x15\x04", "train.jsonl is a Parquet file"),
        ('{"question": "1?", "question": "2?", "answer": "#### 1"}', "line 1: not JSON (the key 'question'"),
        (" \n\ufeff\n".encode("utf-8-sig"), "train.jsonl"),
        (json.dumps([item(1), item(2)]), "is one JSON array"),
        (json.dumps([item(1), item(2)], indent=1), "is one JSON array"),
        (json.dumps({"rows": [item(1)]}, indent=1), "is one JSON object over several lines"),
        (
            lines([{"prompt": "1?", "answer": "#### 1"}]),
            "no column 'question', which task.prompt names; it has: prompt, answer",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told(files: Files, text: str | bytes, told: str) -> None:
    (line,) = files.refused(text)
    assert told in line


@pytest.mark.parametrize(("train", "test"), [("", "x"), ("[]", '{"question": "1?"}'), ('{"a": 1}', "{")])
def test_a_check_of_the_rows_tells_the_mistakes_of_both_files(files: Files, train: str, test: str) -> None:
    task = files.task(train, test)
    with pytest.raises(UserError) as refused:
        check_rows(task, parse_config({"task": task._config.model_dump()}, "test"))
    assert [line[:5] for line in refused.value.mistakes] == ["train", "test."]


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        (40, lines(map(item, range(1, 41))), [("test", "40 left out")]),
        (2, TEST, [("train", "task.train_file"), ("val", "task.train_file")]),
    ],
)
def test_a_split_without_enough_rows_is_told_with_what_to_do(files: Files, train: int, test: str, told: Any) -> None:
    task = files.task(lines(map(item, range(1, train + 1))), test)
    config = parse_config({"task": task._config.model_dump()}, "test")
    assert datasheet(task, config).splits[2].found == task.source.found["test"]
    with pytest.raises(UserError) as refused:
        check_rows(task, config)
    assert [
        (line.split()[2], words in line) for line, (_, words) in zip(refused.value.mistakes, told, strict=True)
    ] == [(split, True) for split, _ in told]
