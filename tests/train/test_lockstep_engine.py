"""The engine `lockstep` passes the contract of engines, whatever the number of arms, and refuses what it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import Batch
from rewardsearch.tasks import Task, load_task
from rewardsearch.testing.engine import CONFIG, STEPS, Ended, EngineSuite, Paid, Reward, ended, long, make_arm, short
from rewardsearch.train.engine import Diverged, load_engine
from rewardsearch.train.engines.lockstep.engine import LockstepEngine
from rewardsearch.train.engines.lockstep.lora import mixed
from rewardsearch.train.engines.trl.engine import TrlEngine


class TestLockstep(EngineSuite):
    engine_class = LockstepEngine

    def test_an_arm_ends_with_the_same_bits_beside_two_or_seven_others(
        self, engine: LockstepEngine, task: Task, first: Ended, tmp_path: Path
    ) -> None:
        for others in (2, 7):
            arms = [
                make_arm(task, long if seed % 2 else short, seed, STEPS, tmp_path / f"{others}-{seed}")
                for seed in range(others, -1, -1)
            ]
            ends = {id(arm): end for arm, end in engine.train(arms)}
            assert ended(arms[-1], ends[id(arms[-1])]) == first
            assert ended(arms[0], ends[id(arms[0])]) != first


@pytest.fixture
def task() -> Task:
    return load_task(CONFIG.task)


def trained(engine: Any, task: Task, folder: Path, *rewards: Reward, **fields: Any) -> list[Any]:
    """The end of an arm on each of `rewards`: what the suite calls Ended, or the exception."""
    arms = [make_arm(task, reward, 0, STEPS, folder / f"{n}", **fields) for n, reward in enumerate(rewards)]
    ends = {id(arm): end for arm, end in engine.train(arms)}
    return [end if isinstance(end := ends[id(arm)], Exception) else ended(arm, end) for arm in arms]


def test_arms_in_one_batch_end_as_each_by_itself(task: Task, tmp_path: Path) -> None:
    engine = LockstepEngine(CONFIG, None)
    alone = trained(engine, task, tmp_path / "alone", short, long)
    engine.side_by_side, engine.under = True, mixed
    together = trained(engine, task, tmp_path / "together", short, long)
    for found, expected in zip(together, alone, strict=True):
        assert [answer.text for answer in found.trained.answers] == [answer.text for answer in expected.trained.answers]
        for point, other in zip(found.observer.curves(), expected.observer.curves(), strict=True):
            assert (point.reward, point.length, point.exact_match) == (other.reward, other.length, other.exact_match)
            assert point.grad_norm == pytest.approx(other.grad_norm, rel=1e-3)


def test_every_step_has_the_prompts_that_trl_would_give(task: Task, tmp_path: Path) -> None:
    config = parse_config(CONFIG.model_dump() | {"task": {"train_rows": 5, "val_rows": 2, "test_rows": 2}}, "few rows")
    few, given = load_task(config.task), list[list[str]]()

    def noted(batch: Batch) -> Paid:
        given[-1].extend(batch.prompts)
        return short(batch)

    for engine_class in (TrlEngine, LockstepEngine):
        given.append([])
        trained(engine_class(config, None), few, tmp_path / engine_class.__name__, noted)
    # Three steps of two prompts take more than the two whole steps of an epoch.
    assert given[0] == given[1] and len(given[0]) == STEPS * 2 * 4


def test_an_arm_whose_weights_or_logits_are_not_finite_ends_alone(task: Task, tmp_path: Path) -> None:
    config = parse_config(
        CONFIG.model_dump() | {"train": CONFIG.train.model_dump() | {"learning_rate": 1e3}}, "high rate"
    )
    engine = LockstepEngine(config, None)

    def even(batch: Batch) -> Paid:
        return Paid([1.0] * len(batch))

    for side_by_side in (False, True):
        engine.side_by_side, engine.under = side_by_side, mixed if side_by_side else engine.under
        bad, good = trained(engine, task, tmp_path / f"{side_by_side}", short, even)
        assert isinstance(bad, Diverged) and good.trained.stop_reason is None
        assert len(good.trained.answers) == 6


def test_an_arm_that_diverges_in_its_last_step_is_neither_saved_nor_evaluated(task: Task, tmp_path: Path) -> None:
    config = parse_config(
        CONFIG.model_dump() | {"train": CONFIG.train.model_dump() | {"learning_rate": 1e39}}, "high rate"
    )
    answered: list[int] = []
    arm = make_arm(task, short, 0, 1, tmp_path / "adapter", on_question=answered.append)
    ((_, end),) = LockstepEngine(config, None).train([arm])
    assert isinstance(end, Diverged) and "weights" in str(end)
    assert not (tmp_path / "adapter").exists() and answered == []


@pytest.mark.parametrize(
    "key, change",
    [
        ("policy.lora.dropout", {"policy": {"lora": {"dropout": 0.1}}}),
        ("policy.gradient_checkpointing", {"policy": {"gradient_checkpointing": True}}),
    ],
)
def test_what_it_cannot_do_is_refused(key: str, change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"{key}.*train.engine: trl"):
        LockstepEngine(parse_config(change, "refused"), None)


def test_the_engine_has_a_name_in_the_config() -> None:
    assert isinstance(load_engine(Config.model_validate({"train": {"engine": "lockstep"}}), None), LockstepEngine)
