"""What the rollout bank and the probes ask: each pair once, and the rows that they would have asked where none comes again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from played import SMALL, Quiet, Trainer
from user_data import write_lines

from rewardsearch.config import Config, TaskConfig, TrainConfig, load_config, parse_config
from rewardsearch.records import Rollout
from rewardsearch.run.artifacts import load_bank
from rewardsearch.session.opening import open_session
from rewardsearch.tasks import load_task
from rewardsearch.tasks.questions import bank_rows, bank_weights, scarce_message
from rewardsearch.testing.launcher import ENGINE
from rewardsearch.train.worker.jobs import Worker

CONFIGS = Path(__file__).parents[2] / "configs"
DEMO = "131b698e382ee37174264163e6db1c7f8f5aea20dd8fa4a5665854f3e896c851"
"""SHA-256 of id, prompt and answer of the 64 rows that the bank of configs/resume-demo.yaml asks."""


def table(folder: Path, selected: int, rows: int = 400) -> str:
    """A table of which the first `selected` rows are to be selected; every row is of another person and another job."""
    lines = [
        {"resume": f"resume {i} text", "job": f"job {i}", "label": "SELECTED" if i < selected else "REJECTED"}
        for i in range(rows)
    ]
    return write_lines(folder / "rows.jsonl", lines)


def own(folder: Path, selected: int = 12, **settings: object) -> Config:
    task = {"name": "resume", "data": table(folder, selected), **settings}
    return parse_config({**SMALL, "task": task, "bank": {"enabled": True}}, "test")


def asked(config: Config) -> list[str]:
    return [row.id for row in bank_rows(load_task(config.task).rows("train"), config.bank.questions)]


@pytest.mark.parametrize("name", ["resume-demo", "resume-qwen", "arithmetic-demo", "arithmetic-study"])
def test_where_no_row_comes_again_the_first_training_rows_are_asked(name: str) -> None:
    config = load_config(str(CONFIGS / f"{name}.yaml"))
    rows = load_task(config.task).rows("train")
    assert bank_rows(rows, config.bank.questions) == rows[: config.bank.questions]
    assert set(bank_weights(rows, rows[: config.bank.questions]).values()) == {1.0}
    items = load_task(config.task).labelled(24)
    assert list(dict.fromkeys(item.row.id for item in items)) == [row.id for row in rows[:24]]


def test_the_demos_bank_asks_the_rows_that_its_published_figures_stand_on() -> None:
    config = load_config(str(CONFIGS / "resume-demo.yaml"))
    rows = bank_rows(load_task(config.task).rows("train"), config.bank.questions)
    assert (len(rows), sum(row.answer == "SELECTED" for row in rows)) == (64, 26)
    told = json.dumps([[row.id, row.prompt_text, row.answer] for row in rows])
    assert hashlib.sha256(told.encode()).hexdigest() == DEMO


def test_no_pair_is_asked_twice_by_the_bank_or_the_probes(tmp_path: Path) -> None:
    config = own(tmp_path)
    task = load_task(config.task)
    assert sum("-again" in row.id for row in task.rows("train")[:64]) > 10
    assert len(asked(config)) == 64 and not any("-again" in id for id in asked(config))
    probed = list(dict.fromkeys(item.row.id for item in task.labelled(40)))
    assert len(probed) == 40 and not any("-again" in id for id in probed)


def test_the_classes_come_in_turn_while_both_have_pairs_left(tmp_path: Path) -> None:
    config = own(tmp_path)
    rows = bank_rows(load_task(config.task).rows("train"), 64)
    selected = sum(row.answer == "SELECTED" for row in rows)
    assert 2 < selected < 16
    assert [row.answer for row in rows[: 2 * selected]] == ["SELECTED", "REJECTED"] * selected or (
        [row.answer for row in rows[: 2 * selected]] == ["REJECTED", "SELECTED"] * selected
    )
    assert {row.answer for row in rows[2 * selected :]} == {"REJECTED"}


def test_a_small_table_gives_fewer_questions_than_asked_for(tmp_path: Path) -> None:
    task = load_task(TaskConfig(name="resume", data=table(tmp_path, 20, 50), columns={"resume": "resume"}))
    rows = task.rows("train")
    assert len(bank_rows(rows, 64)) == len({row.prompt_text for row in rows}) < len(rows)
    assert bank_rows(rows, 0) == []


def test_each_class_counts_for_what_it_does_in_training(tmp_path: Path) -> None:
    rows = load_task(own(tmp_path).task).rows("train")
    few = bank_rows(rows, 64)
    weights = bank_weights(rows, few)
    assert sum(weights[row.answer] for row in few) == pytest.approx(64)
    assert sum(weights[row.answer] for row in few if row.answer == "SELECTED") == pytest.approx(32)


def test_a_class_of_few_questions_is_told_with_what_to_do(tmp_path: Path) -> None:
    task = load_task(own(tmp_path).task)
    rows = task.rows("train")
    few = bank_rows(rows, 64)
    count = sum(row.answer == "SELECTED" for row in few)
    told = "what it says of a reward is rough with fewer than 16 of a class"
    assert scarce_message(rows, few, task.classes) == (
        f"rollout bank: {count} of its 64 questions are SELECTED; {told} "
        "(train has no more: give more rows that are SELECTED)"
    )
    small = bank_rows(load_task(TaskConfig(name="resume", train_rows=200)).rows("train"), 20)
    generated = load_task(TaskConfig(name="resume", train_rows=200))
    assert scarce_message(generated.rows("train"), small, generated.classes) == (
        f"rollout bank: 10 of its 20 questions are SELECTED; {told} (raise bank.questions)"
    )
    assert scarce_message(generated.rows("train"), generated.rows("train")[:32], generated.classes) is None
    numbers = load_task(TaskConfig(train_rows=4))
    assert scarce_message(numbers.rows("train"), numbers.rows("train"), numbers.classes) is None


def test_a_search_samples_these_rows_and_warns_once(tmp_path: Path, trainer: Trainer) -> None:
    config, told, run_folder = own(tmp_path), Quiet(), tmp_path / "run"
    trainer.bank = [Rollout(row="train-0", completion="", kind="unparsed", prediction=None, length=0)] * 2
    with open_session(config, run_folder, told, config.budget) as run:
        run.setup.bank()
        run.setup.bank()
    lines = [line for line in told.said if line.startswith("rollout bank: ")]
    assert lines[0] == "rollout bank: 64 questions x 8 completions"
    assert len(lines) == 2 and "questions are SELECTED" in lines[1]


def test_a_worker_samples_the_banks_rows(tmp_path: Path) -> None:
    config = own(tmp_path).model_copy(update={"train": TrainConfig(engine=ENGINE)})
    Worker(tmp_path, config).sample_bank(tmp_path / "bank.jsonl")
    rollouts = load_bank(tmp_path / "bank.jsonl")
    assert rollouts is not None and [each.row for each in rollouts[:: config.bank.group_size]] == asked(config)
