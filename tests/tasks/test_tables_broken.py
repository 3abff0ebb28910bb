"""A broken file of a user's is told by row and column."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from user_data import hires, own_config, write_csv, write_lines

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.tasks.user_pairs import read_pairs

HEADER = "cv text,vacancy,decision,source,why,sex\n"
GOOD = "a cook,cook wanted,hired,web,fits,f\n"


def mistakes(config: TaskConfig) -> tuple[str, ...]:
    with pytest.raises(UserError) as refused:
        read_pairs(config)
    return refused.value.mistakes


def of_text(tmp_path: Path, text: str | bytes, name: str = "hires.csv") -> tuple[str, ...]:
    blob = text if isinstance(text, bytes) else text.encode()
    (tmp_path / name).write_bytes(blob)
    return mistakes(own_config(tmp_path / name))


def test_an_unknown_label_has_its_row_its_column_and_what_is_allowed(tmp_path: Path) -> None:
    rows = hires(60)
    rows[15]["decision"] = "maybe"
    (told,) = mistakes(own_config(write_csv(tmp_path / "hires.csv", rows)))
    # Before it are the header, and five rows whose source has a line break.
    assert told.startswith("hires.csv row 17 (line 22), column decision: got 'maybe'; allowed: hired, offer, declined;")
    assert "task.columns.positive" in told
    (told,) = mistakes(own_config(write_lines(tmp_path / "hires.jsonl", rows)))
    assert told.startswith("hires.jsonl line 16, column decision: got 'maybe'")


def test_five_mistakes_of_a_kind_are_told_and_the_others_counted(tmp_path: Path) -> None:
    told = of_text(tmp_path, HEADER + 8 * GOOD.replace("hired", "perhaps") + "a,b\n")
    assert told == (
        "hires.csv row 10: got 2 fields, the header has 6; put a text that holds the separator or a line break in "
        '"..."',
    )
    told = of_text(tmp_path, HEADER + 8 * GOOD.replace("hired", "perhaps"))
    assert [line.split(",")[0] for line in told[:5]] == [f"hires.csv row {row}" for row in range(2, 7)]
    assert told[5:] == ("hires.csv: and 3 more rows with another decision",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "\n" + GOOD + GOOD.replace("web", "web,net"), "hires.csv row 4: got 7 fields, the header has 6"),
        (
            HEADER + GOOD + '"a cook,x,hired,web,fits,f\n' + 3 * GOOD,
            "hires.csv row 3: unexpected end of data; a text in",
        ),
        (HEADER + '"a "cook"",x,hired,web,fits,f\n', "hires.csv row 2: ',' expected after '\"'"),
        (HEADER.replace("sex", "why") + GOOD, "hires.csv row 1: the header has why more than once"),
        ("", "hires.csv is empty; task.data needs a table"),
        (HEADER, "hires.csv has no rows"),
        (
            HEADER.encode() + b"a cook,cook wanted,hired\xe9,web,fits,f\n",
            "hires.csv line 2: not UTF-8 (byte 0xe9); save it",
        ),
        (
            HEADER.replace("vacancy", "Vacancies") + GOOD,
            "hires.csv: no column 'vacancy', which task.columns.job names; "
            "it has: cv text, Vacancies, decision, source, why, sex; did you mean 'Vacancies'?",
        ),
        (HEADER.replace("source", "x") + GOOD, "no column 'source', which task.columns.prompt.0 names"),
        (HEADER.replace("sex", "x") + GOOD, "no column 'sex', which task.columns.groups.0 names"),
    ],
)
def test_a_broken_csv_is_told(tmp_path: Path, text: str | bytes, told: str) -> None:
    (line,) = of_text(tmp_path, text)
    assert told in line


FULL = '{"cv text": "a", "vacancy": "b", "decision": "hired", "source": "", "why": "", "sex": ""}\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            FULL + "\n" + FULL + "{'decision': 1}\n",
            "line 4: not JSON (Expecting property name enclosed in double quotes); each",
        ),
        (FULL + "[1]\n", "line 2: got a list; each line is one object of columns and values"),
        (FULL + "null\n", "line 2: got null; each line"),
        (f"[{FULL}]", "is one JSON array; write one object a line (jq -c '.[]' hires.jsonl > rows.jsonl)"),
        (
            FULL.replace('"a"', '["a", "b"]'),
            "line 1, column cv text: got a list; a text, a number, true, false or null",
        ),
        (FULL.replace('"a"', '"\\ud83d"'), "line 1, column cv text: got half of a surrogate pair"),
        (
            FULL.replace("decision", "result"),
            "no column 'decision', which task.columns.label names; it has: cv text, vacancy, re",
        ),
    ],
)
def test_broken_json_lines_are_told(tmp_path: Path, text: str, told: str) -> None:
    (line,) = of_text(tmp_path, text, "hires.jsonl")
    assert line.startswith("hires.jsonl") and told in line


def test_a_column_that_only_some_objects_have_is_missing_in_the_others(tmp_path: Path) -> None:
    (tmp_path / "h.jsonl").write_text(FULL + '{"cv text": "b", "decision": NaN, "vacancy": "c"}\n{"vacancy": 7}\n')
    assert read_pairs(own_config(tmp_path / "h.jsonl")).left_out == {"no label": 1, "no resume": 1}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.csv", "task.data: no such file: nowhere.csv; give a CSV, JSON Lines or Parquet file"),
        (
            "hires.xlsx",
            "task.data: got hires.xlsx; give a file that ends in .csv, .tsv, .jsonl, .json, .parquet, or the id",
        ),
    ],
)
def test_what_is_no_table_is_told(name: str, told: str) -> None:
    (line,) = mistakes(own_config(name))
    assert line.startswith(told)


class HubSet:
    """A data set as the hub's library gives it, its labels being classes by number."""

    column_names = ("cv text", "vacancy", "decision", "source", "why", "sex")
    features = {name: SimpleNamespace() for name in column_names} | {
        "decision": SimpleNamespace(names=["declined", "hired"])
    }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for place in range(60):
            label = place % 3 - 1
            yield {
                "cv text": f"r{place}",
                "vacancy": f"j{place}",
                "decision": label,
                "source": None,
                "why": "",
                "sex": "f",
            }


def test_a_hub_data_set_is_read_by_its_splits_with_classes_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, split: str) -> HubSet:
        asked.append((name, split))
        return HubSet()

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    found = read_pairs(own_config("org/hires", test_data="org/hires"))
    assert asked == [("org/hires", "train"), ("org/hires", "test")]
    # A third has no label, and all test rows are in the training data as well.
    assert found.left_out == {"no label": 40, "in task.test_data with a resume of task.data": 40}
    assert sum(pair.selected for pair in found.splits["train"] + found.splits["val"]) == 20


def test_a_hub_data_set_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, split: str) -> HubSet:
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    (line,) = mistakes(own_config("org/hires"))
    assert line.startswith("org/hires (train) could not be loaded from the hub (ConnectionError); ")
    assert "task.data" in line


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_cell_is_as_long_as_it_is(tmp_path: Path, ending: str) -> None:
    rows = hires(20)
    rows[5]["cv text"] = "a cook " * 40_000
    path = tmp_path / f"hires.{ending}"
    data = write_lines(path, rows) if ending == "jsonl" else write_csv(path, rows, "," if ending == "csv" else "\t")
    found = read_pairs(own_config(data))
    assert max(len(pair.resume) for pairs in found.splits.values() for pair in pairs) == 7 * 40_000 - 1


def test_a_quote_that_is_never_closed_is_told_however_long_the_rest_is(tmp_path: Path) -> None:
    (told,) = of_text(tmp_path, HEADER + GOOD + '"a cook,cook wanted,hired,web,fits,f\n' + 20_000 * GOOD)
    assert told.startswith('hires.csv row 3: unexpected end of data; a text in "..." ends with its closing quote')
