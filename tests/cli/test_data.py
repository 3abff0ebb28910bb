"""`rewardsearch data`: what a search would train on, of any task, and what it could not use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_models import CHAT, tiny_model
from user_data import COLUMNS, hires, write_csv, write_lines

from rewardsearch.config import Config, load_config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import PACKAGE, resource
from rewardsearch.session.preflight import check
from rewardsearch.tasks import load_task
from rewardsearch.tasks.datasheet import check_rows, describe_rows
from rewardsearch.tasks.user_pairs import read_pairs

SMALL = {"train": {"prompts_per_step": 4, "group_size": 2}}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A config with its data beside it."""
    write_csv(tmp_path / "hires.csv", hires())
    text = yaml.safe_dump({"task": {"name": "resume", "data": "hires.csv", "columns": COLUMNS}})
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "own.yaml"


def test_the_table_shows_what_was_left_out_the_imbalance_and_how_it_is_balanced(cli: Any, own: Path) -> None:
    done = cli("data", own)
    assert done.code == 0, done.err
    assert "read: 300 rows of hires.csv\nleft out: 6, no resume\nleft out: 6, no label\n" in done.out
    table = {line.split("  ")[0]: line.removeprefix(line.split("  ")[0]).split() for line in done.out.splitlines()}
    assert int(table["rows"][0]) > int(table["found"][0])
    assert float(table["SELECTED"][0][:-1]) < 30 and table["balanced"][0] == "50.0%"
    assert table["rows"][1] == table["found"][1] and table["SELECTED"][1] == table["balanced"][1]
    assert 0.4 < float(table["keyword macro F1"][1]) < 0.9 and table["keyword macro F1"][2] == "-"


def test_one_training_row_is_shown_with_what_is_taught_for_it_and_none_of_test(cli: Any, own: Path) -> None:
    shown = cli("data", own).out
    task = load_task(load_config(own).task)
    first = task.demonstrations()[0]
    assert f"a row of train, {first.row.id}:\n  Job: {first.row.columns['job']}\n" in shown
    assert shown.endswith(f"what supervised fine-tuning teaches for it:\n  {first.completion}\n")
    assert "(group, used only for the fairness table) sex: " in shown
    assert not any(row.columns["resume"] in shown for row in task.rows("test"))


def test_json_holds_the_same_sheet(cli: Any, own: Path) -> None:
    shown = json.loads(cli("data", own, "--json", "--set", "task.balance=false").out)
    assert shown["classes"] == ["SELECTED", "REJECTED"]
    assert shown["left_out"] == {"no resume": 6, "no label": 6}
    assert [each["split"] for each in shown["splits"]] == ["train", "val", "test"]
    assert sum(each["found"] for each in shown["splits"]) == 288
    assert shown["splits"][0]["balanced_share"] == shown["splits"][0]["share"] < 0.3
    assert set(shown["splits"][1]["baselines"]["keyword"]) == {"accuracy", "macro_f1"}
    assert shown["splits"][2]["baselines"] == {}
    assert shown["example"]["row"]["id"].startswith("train-")


def test_generated_resumes_show_their_share_of_hard_pairs(cli: Any, own: Path) -> None:
    rows = "{name: resume, train_rows: 100, val_rows: 50, test_rows: 50}"
    shown = json.loads(cli("data", own, "--json", "--set", f"task={rows}").out)
    assert shown["source"] == "generated" and shown["read"] == {}
    assert all(0.1 < each["shares"]["hard"] < 0.6 for each in shown["splits"])


def test_a_numeric_task_shows_rows_and_answers(cli: Any) -> None:
    done = cli("data", resource("configs") / "arithmetic-demo.yaml")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "arithmetic: generated"
    assert lines[2].split() == ["train", "val", "test", "meaning"]
    assert "answers of train: " in done.out and "SELECTED" not in done.out


def test_the_rows_of_a_search_are_described_in_one_line_and_how_they_were_split(own: Path) -> None:
    config = load_config(own)
    line, note = describe_rows(load_task(config.task), config)
    assert "hires.csv, 300 rows read, 12 left out (no resume 6, no label 6); SELECTED: " in line
    assert "of train (50% once balanced), " in line and line.count("% of ") == 3
    assert note.startswith("split by texts: ")
    numeric = Config()
    assert describe_rows(load_task(numeric.task), numeric) == ()


def test_a_mistake_of_the_data_ends_with_2_and_its_row(cli: Any, own: Path) -> None:
    rows = hires(60)
    rows[3]["decision"] = "maybe"
    write_csv(own.parent / "hires.csv", rows)
    done = cli("data", own)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "error: hires.csv row 5 (line 6), column decision: got 'maybe'; allowed: hired, offer, declined;"
    )


@pytest.mark.parametrize(
    ("value", "missing"), [("declined", "positive (hired, offer)"), ("offer", "negative (declined)")]
)
def test_data_of_one_class_are_shown_and_refused_in_a_line(cli: Any, own: Path, value: str, missing: str) -> None:
    write_csv(own.parent / "hires.csv", [row | {"decision": value} for row in hires(60)])
    done = cli("data", own)
    assert done.code == 2 and "train " in done.out
    (line,) = done.err.splitlines()
    assert "hires.csv" in line and f"decision of task.columns.{missing}" in line


def test_a_split_of_one_class_names_what_holds_its_rows_together(cli: Any, own: Path) -> None:
    rows = [row | {"decision": "declined"} for row in hires(60) if row["cv text"]]
    write_csv(own.parent / "hires.csv", [*rows, rows[0] | {"decision": "hired", "source": "elsewhere"}])
    done = cli("data", own)
    assert done.code == 2 and " split has 0 SELECTED and " in done.err and "task.split_by" in done.err


def test_a_size_that_is_too_small_for_a_step_has_to_be_raised(cli: Any, own: Path) -> None:
    done = cli("data", own, "--set", "task.train_rows=1", "--set", "task.balance=false")
    assert done.code == 2
    assert "error: task: the train split has 1 rows, needs 8; raise task.train_rows" in done.err.splitlines()


def test_a_size_that_leaves_a_class_out_has_to_be_raised(cli: Any, own: Path) -> None:
    rows = read_pairs(load_config(own).task).splits["val"]
    least = next(n for n in range(1, len(rows)) if rows[n].selected != rows[0].selected)
    done = cli("data", own, "--set", f"task.val_rows={least}")
    assert done.code == 2
    assert f"the val split has {least if rows[0].selected else 0} SELECTED and " in done.err
    assert done.err.strip().endswith("needs both classes; raise task.val_rows")


def test_an_empty_split_is_refused_before_a_search(tmp_path: Path) -> None:
    rows = [{"resume": f"r{i // 2}", "job": f"j{(i + 1) // 2}", "label": "SELECTED"} for i in range(40)]
    rows += [{"resume": "x", "job": "y", "label": "REJECTED"}]
    data = write_lines(tmp_path / "d.jsonl", [{**row, "resume": "the same"} for row in rows])
    config = parse_config({"task": {"name": "resume", "data": data}, **SMALL}, "test")
    with pytest.raises(UserError) as refused:
        check(config)
    assert "split has 0 rows, needs" in str(refused.value)
    assert "(task.test_data)" in str(refused.value)


def test_generated_resumes_of_one_class_ask_for_more_rows() -> None:
    config = parse_config({"task": {"name": "resume", "test_rows": 1}, **SMALL}, "test")
    with pytest.raises(UserError, match=r"the test split has .* needs both classes; raise task\.test_rows"):
        check_rows(load_task(config.task), config)


def test_completions_of_known_kind_are_shown_as_they_are_judged_and_every_class_has_its_share(
    cli: Any, tmp_path: Path
) -> None:
    rows = [{"text": f"mail {i}", "label": ("ham", "spam", "news")[i % 3]} for i in range(90)]
    task = {"kind": "choice", "data": write_lines(tmp_path / "mails.jsonl", rows), "prompt": "text", "answer": "label"}
    shown = json.loads(
        cli("data", resource("configs") / "arithmetic-grammar.yaml", "--json", "--set", f"task={task}").out
    )
    assert {each["judged"] for each in shown["labelled"]} == {"correct", "wrong", "unparsed"}
    assert all(each["judged"] == each["kind"] for each in shown["labelled"])
    assert all(
        sum(each["classes"].values()) == pytest.approx(1) and len(each["classes"]) == 3 for each in shown["splits"]
    )
    assert shown["splits"][0]["share"] is None
    lines = cli("data", resource("configs") / "arithmetic-grammar.yaml", "--set", f"task={task}").out.splitlines()
    assert {"ham", "spam", "news"} <= {line.split()[0] for line in lines if line.strip()}
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= {"correct", "wrong", "unparsed"}


@pytest.mark.parametrize(("template", "first"), [(CHAT, "["), (None, "note: the model has no chat template")])
def test_a_model_without_a_chat_template_is_shown_its_plain_prompt(
    cli: Any, tmp_path: Path, template: str | None, first: str
) -> None:
    model = tiny_model(tmp_path / "model", template=template)
    sample = PACKAGE / "tasks" / "gsm8k_sample"
    files = {f"{split}_file": str(sample / f"{split}.jsonl") for split in ("train", "test")}
    task = {"name": "gsm8k", **files, "train_rows": 64, "val_rows": 64, "test_rows": 64}
    config = tmp_path / "own.yaml"
    config.write_text(yaml.safe_dump({"task": task, "policy": {"model": model}}), encoding="utf-8")
    shown = cli("data", config)
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("a row of train"))
    assert lines[place + 1].strip().startswith(first) and ("[user] " in shown.out) == bool(template)
    assert json.loads(cli("data", config, "--json").out)["chat_template"] is bool(template)
