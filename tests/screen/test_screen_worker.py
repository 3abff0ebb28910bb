"""What a training process makes of its rewards: kept prints, and the end of one that changes later."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import CLOCK

from rewardsearch.config import parse_config
from rewardsearch.records import RewardSpec, ScreenJob
from rewardsearch.sandbox import Sandbox
from rewardsearch.screen.worker import Worker

PRINTS = """
def reward(prompts, completions, answer, **columns):
    print("scored", len(completions))
    return [float(len(c)) for c in completions]
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    config = parse_config(
        {
            "task": {"train_rows": 16, "val_rows": 8, "test_rows": 8},
            "screen": {"steps": 4, "prompts_per_step": 2, "group_size": 2, "max_completion_tokens": 8},
            "sandbox": {"rechecks": 1.0},
            "validation": {"bound": 1e12},
        },
        "test",
    )
    with Sandbox(config.sandbox, config.validation.bound) as sandbox:
        yield Worker(tmp_path, config, sandbox, lambda message: None)


def job(code: str) -> ScreenJob:
    spec = RewardSpec(id="abc", name="candidate", code=code)
    return ScreenJob(id="abc", rung="full", seed=0, steps=4, folder="candidates/abc/screens/full-0", rewards=(spec,))


def test_a_reward_that_changes_later_fails_and_carries_the_flag(worker: Worker) -> None:
    worker._sandbox._checked[CLOCK] = None
    result = worker.screen(job(CLOCK))
    assert (result.status, result.flags) == ("failed", ("changes later",))
    assert result.reason is not None and result.reason.startswith("gave other values for the batch of call 1")


def test_what_a_reward_prints_is_kept_beside_its_curves(worker: Worker) -> None:
    assert worker.screen(job(PRINTS)).status == "done"
    text = (worker.run / "candidates/abc/screens/full-0/printed.txt").read_text(encoding="utf-8")
    assert text == "# candidate\n" + "scored 4\n" * 4
