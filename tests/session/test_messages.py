"""Prompts and completions are read alike by training, `score` and the exported module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from message_shapes import MESSAGES, NO_MESSAGES

from rewardsearch.config import TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.exporters import ExportSelection, export
from rewardsearch.records import Batch, RewardSpec, message_text
from rewardsearch.session.scoring import rows_to_score
from rewardsearch.tasks import Reader, load_task
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engines.trl.rewards import ROW, reward_functions
from rewardsearch.train.worker.observe import Observer

SEEN = """
def reward(prompts, completions, answer, **columns):
    return [float(len(c) * 1000 + len(p)) for p, c in zip(prompts, completions)]
"""
SHAPES, TEXTS = [item for item, _ in MESSAGES], [text for _, text in MESSAGES]


@pytest.mark.parametrize(("item", "text"), MESSAGES)
def test_a_message_is_its_text(item: Any, text: str) -> None:
    assert message_text(item) == text


@pytest.mark.parametrize("item", [*NO_MESSAGES, None], ids=repr)
def test_what_is_no_message_is_an_error_with_the_value(item: Any) -> None:
    with pytest.raises(ValueError, match="allowed: a text, a chat message") as error:
        message_text(item)
    assert repr(item) in str(error.value)


def test_training_scores_the_texts_of_messages() -> None:
    task = load_task(TaskConfig(train_rows=1, val_rows=1, test_rows=1))
    seen: list[Batch] = []

    class Scored:
        rewards = [0.0] * len(SHAPES)
        components: dict[str, list[float]] = {}

    def score(batch: Batch) -> Scored:
        seen.append(batch)
        return Scored()

    spec = RewardSpec(id="base:seen", name="seen", code="")
    observer = Observer(task, task.rows("train"), [(spec, score)], len(SHAPES), 9, lambda step: None)
    for function in reward_functions(observer, PhaseClock(), Mock(spec=Reader), set())[0]:
        function(completions=SHAPES, completion_ids=[[1]] * len(SHAPES), **{ROW: [0] * len(SHAPES)})
    assert list(seen[0].completions) == TEXTS


def test_an_exported_module_scores_the_texts_of_messages(tmp_path: Path) -> None:
    reward = RewardSpec(id="a1", name="seen", code=SEEN)
    names: dict[str, Any] = {}
    exec(
        export("trl", ExportSelection(source="demo", rewards=(reward,)), tmp_path)[0].read_text(encoding="utf-8"), names
    )
    golds = ["4"] * len(SHAPES)
    plain = names["seen"](prompts=TEXTS, completions=TEXTS, answer=golds)
    assert plain == [len(text) * 1001 for text in TEXTS]
    assert names["seen"](prompts=SHAPES, completions=SHAPES, answer=golds) == plain
    for item in NO_MESSAGES:
        with pytest.raises(ValueError, match=r"got .*; allowed: a text, a chat message"):
            names["seen"](completions=[item], answer=["4"])


def test_score_reads_the_texts_of_messages(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": i, "completion": i, "answer": "4"}) + "\n" for i in SHAPES))
    assert [(row.prompt, completion) for row, completion in rows_to_score(path)] == list(zip(TEXTS, TEXTS, strict=True))


@pytest.mark.parametrize("item", NO_MESSAGES, ids=repr)
def test_score_names_the_line_of_what_is_no_message(tmp_path: Path, item: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"prompt": "q", "completion": "c", "answer": "4"}\n'
        + "".join(
            json.dumps({"prompt": "q", "completion": "c", "answer": "4", name: item}) + "\n"
            for name in ("prompt", "completion")
        )
    )
    with pytest.raises(UserError) as error:
        rows_to_score(path)
    for number, name in ((2, "prompt"), (3, "completion")):
        assert (
            f"rows.jsonl line {number}: " in error.value.mistakes[number - 2]
            and name in error.value.mistakes[number - 2]
        )
