"""Tasks without code, over a user's rows: the contract in every answer form, and what is made of columns and templates."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from user_data import write_csv, write_lines

from rewardsearch.config import TaskConfig, load_config, parse_config
from rewardsearch.tasks import SPLITS, Task, load_task
from rewardsearch.tasks.datasheet import check_rows
from rewardsearch.testing.task import TaskSuite

SIZES = {"train_rows": 40, "val_rows": 20, "test_rows": 20}
SUMS = [
    {"q": f"What is {i} and {i + 3}?", "a": f"{i}+{i + 3}={2 * i + 3}\n#### {2 * i + 3}", "topic": f"t{i % 30}", "n": i}
    for i in range(120)
]
LABELS = ("ham", "spam", "news", "work", "other")
MAILS = [
    {"id": str(i), "text": f"mail {i} of the week", "label": LABELS[i % 5], "sender": f"s{i % 40}"} for i in range(200)
]
CITIES = [{"ask": f"Which city is number {i}?", "out": {"city": f"City {i}", "n": [i]}} for i in range(120)]


def config_of(**task: Any) -> TaskConfig:
    return parse_config({"task": SIZES | task}, "test").task


def sums(folder: Path, **more: Any) -> TaskConfig:
    return config_of(kind="numeric", data=write_lines(folder / "sums.jsonl", SUMS), prompt="q", answer="a", **more)


def mails(folder: Path, **more: Any) -> TaskConfig:
    data = write_csv(folder / "mails.csv", MAILS, ";")
    return config_of(kind="choice", data=data, prompt="text", answer="label", **more)


@pytest.mark.parametrize("form", ["boxed", "last_number"])
class TestNumeric(TaskSuite):
    @pytest.fixture
    def config(self, tmp_path: Path, form: str) -> TaskConfig:
        return sums(tmp_path, form=form, group="topic", columns=["topic", "n"], solution="{{ a.partition('####')[0] }}")


@pytest.mark.parametrize("form", ["whole"])
class TestFiveClasses(TaskSuite):
    @pytest.fixture
    def config(self, tmp_path: Path, form: str) -> TaskConfig:
        return mails(tmp_path, form=form, group=["sender"], columns=["sender"], chat=True)


class TestText(TaskSuite):
    @pytest.fixture
    def config(self, tmp_path: Path) -> TaskConfig:
        data = write_lines(tmp_path / "cities.jsonl", CITIES)
        return config_of(kind="text", data=data, prompt="ask", answer="out", form={"json": "result"})


def test_templates_see_the_columns_and_the_form(tmp_path: Path) -> None:
    templates = {"prompt": "{{ topic }}/{{ row['n'] }}: {{ q }}\n", "system": "Be brief.\n{{ form }}", "chat": True}
    task = load_task(sums(tmp_path).model_copy(update=templates))
    row = next(row for row in task.rows("train") if "What is 1 and 4?" in row.prompt_text)
    asks = "<thinking> your steps </thinking> <solution> the number alone </solution>"
    assert row.prompt == [
        {"role": "system", "content": f"Be brief.\n{asks}"},
        {"role": "user", "content": "t1/1: What is 1 and 4?\n"},
    ]
    assert row.answer == "5" and task.form == asks


@pytest.mark.parametrize(
    ("prompt", "holds_it"), [("q", False), ("{{ q }} ({{ topic }})", False), ("{{ q }} {{ a }}", True), ("a", True)]
)
def test_a_prompt_that_reads_the_answer_is_noted(tmp_path: Path, prompt: str, holds_it: bool) -> None:
    notes = load_task(sums(tmp_path).model_copy(update={"prompt": prompt})).source.notes
    assert any("column a" in note for note in notes) == holds_it


def test_a_prompt_may_be_chat_messages_already(tmp_path: Path) -> None:
    rows = [{"prompt": [{"role": "user", "content": f"Say {i}"}], "answer": i} for i in range(30)]
    task = load_task(config_of(kind="numeric", data=write_lines(tmp_path / "m.jsonl", rows)))
    assert all(row.prompt == [{"role": "user", "content": f"Say {row.answer}"}] for row in task.rows("train"))


def all_rows(task: Task) -> dict[str, tuple[str, str]]:
    return {row.prompt_text: (split, row.answer) for split in SPLITS for row in task.rows(split)}


def test_csv_json_lines_and_parquet_of_the_same_rows_give_the_same_task(tmp_path: Path) -> None:
    pd.DataFrame(MAILS).to_parquet(tmp_path / "mails.parquet")
    files = (
        str(tmp_path / "mails.parquet"),
        write_csv(tmp_path / "bars.csv", MAILS, "|"),
        write_lines(tmp_path / "mails.jsonl", MAILS),
    )
    made = (config_of(kind="choice", data=file, prompt="text", answer="label") for file in files)
    found = [all_rows(load_task(config)) for config in (mails(tmp_path), *made)]
    assert len(found[0]) == 80 and all(each == found[0] for each in found)


def test_rows_of_a_group_are_in_one_split_and_added_groups_move_none(tmp_path: Path) -> None:
    big = {"train_rows": 999, "val_rows": 999, "test_rows": 999}
    task = load_task(mails(tmp_path, group="sender", columns=["sender"], **big))
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for row in task.rows(split):
            splits[row.columns["sender"]].add(split)
    assert len(splits) == 40 and all(len(each) == 1 for each in splits.values())
    more = [{**MAILS[0], "text": f"more {i}", "sender": f"x{i}"} for i in range(100)]
    data = write_csv(tmp_path / "more.csv", [*more, *MAILS])
    wide = load_task(config_of(kind="choice", data=data, prompt="text", answer="label", group=["sender"], **big))
    assert all_rows(wide).items() >= all_rows(task).items()


def test_splits_may_be_files_of_their_own(tmp_path: Path) -> None:
    files = {
        f"{part}data": write_lines(tmp_path / f"{part}rows.jsonl", SUMS[at : at + 40]) for part, at in FILES.items()
    }
    task = load_task(config_of(kind="numeric", prompt="q", answer="a", **files))
    assert task.source.found == {"train": 40, "val": 40, "test": 40}
    assert {row.prompt_text for row in task.rows("val")} <= {row["q"] for row in SUMS[40:80]}


FILES = {"": 0, "val_": 40, "test_": 80}


def test_classes_are_found_or_named_with_their_values_and_their_positive_one(tmp_path: Path) -> None:
    task = load_task(mails(tmp_path))
    assert (task.classes, task.positive) == (tuple(sorted(LABELS)), None)
    assert {task.outcome(row, task.answer_form.write(row.answer)).positive for row in task.rows("val")} == {None}
    rows = [{**row, "label": str(LABELS.index(row["label"]) < 2)} for row in MAILS]
    data, classes = write_csv(tmp_path / "two.csv", rows), {"fine": "False", "bad": ["True"]}
    task = load_task(
        config_of(
            kind="choice",
            data=data,
            prompt="text",
            answer="label",
            classes=classes,
            positive="bad",
        )
    )
    assert (task.classes, task.positive) == (("bad", "fine"), "bad")
    assert task.label_values is not None and task.label_values.values == {"fine": ("False",), "bad": ("True",)}
    row = next(row for row in task.rows("train") if row.answer == "bad")
    assert task.outcome(row, "<solution> Bad </solution>").positive is True
    assert config_of(kind="choice", data="a.csv", classes=[0, 1, 2], positive=1).positive == "1"


def test_data_without_named_classes_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, opened, read = mails(tmp_path), list[Path](), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read(path))
    task = load_task(config)
    assert task.rows("train") == task.rows("train") and len(opened) == 1


def test_truth_values_in_templates_are_written_as_in_json(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", [{"n": n, "even": n % 2 == 0} for n in range(30)])
    rows = load_task(config_of(kind="text", data=data, prompt="Even: {{ n }}?", answer="{{ even }}")).rows("train")
    assert {row.answer for row in rows} == {"true", "false"}


def test_a_config_of_a_kind_is_named_after_its_data_and_reads_back_the_same(tmp_path: Path) -> None:
    write_lines(tmp_path / "sums.jsonl", SUMS)
    settings = {
        "kind": "numeric",
        "data": "sums.jsonl",
        "prompt": "q",
        "answer": "a",
        "form": {"json": "k"},
        "group": "topic",
    }
    (tmp_path / "c.yaml").write_text(json.dumps({"task": settings}), encoding="utf-8")
    config = load_config(tmp_path / "c.yaml")
    assert (config.task.name, load_task(config.task).name) == ("sums", "sums")
    (tmp_path / "again.yaml").write_text(config.to_yaml(), encoding="utf-8")
    again = load_config(tmp_path / "again.yaml")
    assert again.model_copy(update={"run_dir": config.run_dir}) == config
    check_rows(load_task(config.task), config)


def test_labelled_examples_have_several_answers_and_another_rows_answer_as_wrong_ones(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "cities.jsonl", CITIES)
    task = load_task(config_of(kind="text", data=data, prompt="ask", answer="{{ out.city }}", form="boxed"))
    items = task.labelled(1)
    gold = items[0].row.answer
    wrong = {task.answer_form.parse(item.completion) for item in items if item.kind == "wrong"}
    others = {row.answer for row in task.rows("train")} - {gold}
    assert wrong & others and any(gold in str(text) and text != gold for text in wrong)
    assert {item.completion for item in items if item.kind == "unparsed"} == {
        *("", f"The answer is {gold}.", f"The answer is {gold}. The answer is {gold}.")
    }
