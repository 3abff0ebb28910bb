"""RewardMonitor in a real training by TRL, and `rewardsearch audit` on the state that this training saved."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_model

import rewardsearch as rs
from rewardsearch.config import WatchConfig


def is_right(completions: list[str], **columns: Any) -> list[float]:
    return [float("7" in text) for text in completions]


def nothing(completions: list[str], **columns: Any) -> list[float]:
    return [1.0 for _ in completions]


def train(folder: Path, monitor: Any, steps: int = 4) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    arguments = GRPOConfig(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=4, num_generations=2, max_completion_length=6,
        logging_steps=1, save_steps=1, reward_weights=[1.0, 0.0], report_to=[], use_cpu=True, bf16=False, disable_tqdm=True,
    )  # fmt: skip
    trainer = GRPOTrainer(
        model=tiny_model(folder / "model", template=None),
        reward_funcs=[nothing, is_right],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": "Tom has pens"}] * 16),
        callbacks=[monitor],
    )
    trainer.train()
    return trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a training with a reward that pays everything the same, its monitor, and the log lines."""
    folder, lines = tmp_path_factory.mktemp("trl"), []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("rewardsearch.monitor"), Lines()
    logger.addHandler(handler)
    monitor = rs.RewardMonitor(correct="is_right", stop=True, config=WatchConfig(window=2))
    trainer = train(folder, monitor)
    logger.removeHandler(handler)
    return folder, monitor, lines, trainer


def test_a_dead_training_is_reported_once_and_ended(trained: Any) -> None:
    _, monitor, lines, trainer = trained
    assert [each.alarm.kind for each in monitor.findings] == ["dead"]
    assert trainer.state.global_step == 2
    warnings = [line for line in lines if "dead" in line]
    assert len(warnings) == 1 and monitor.findings[0].remedy in warnings[0]


def test_audit_reads_the_state_that_the_training_saved_and_says_the_same(trained: Any, cli: Any) -> None:
    folder, monitor, _, _ = trained
    for log in (folder, folder / "checkpoint-2" / "trainer_state.json"):
        done = cli("audit", log, "--correct", "is_right", "--set", "watch.window=2", "--json")
        document = json.loads(done.out)
        assert done.code == 0 and document["entries"] == 2 and document["log"].endswith("trainer_state.json")
        (found,) = document["findings"]
        (expected,) = monitor.findings
        assert found == {**expected.alarm.model_dump(), "remedy": expected.remedy}
        assert document["dead_groups"]["share"] == 1.0


def test_a_name_that_is_not_logged_is_reported_and_the_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = rs.RewardMonitor(correct="is_rihgt", config=WatchConfig(window=2))
    trainer = train(tmp_path, monitor, steps=2)
    assert trainer.state.global_step == 2 and [each.alarm.kind for each in monitor.findings] == ["dead"]
    assert sum("is_rihgt" in record.getMessage() for record in caplog.records) == 1
