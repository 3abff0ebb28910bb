"""What needs an accelerator: training in bfloat16, memory that really runs out, and the devices that processes get."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from rewardsearch.config import Config, TaskConfig, TrainConfig, parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Batch, RewardSpec, TrainingJob
from rewardsearch.run.devices import accelerators, slots_of, visible_devices
from rewardsearch.tasks import load_task
from rewardsearch.testing.engine import Paid
from rewardsearch.train.engine import Arm, Trained
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.engines.trl.frozen import weight_digests
from rewardsearch.train.engines.trl.generation import greedy
from rewardsearch.train.engines.trl.memory import enough_memory
from rewardsearch.train.engines.trl.policy import load_policy, trainer_arguments
from rewardsearch.train.worker.observe import Observer

pytestmark = pytest.mark.gpu
ROWS = load_task(TaskConfig(val_rows=64)).rows("val")


@pytest.mark.parametrize("checkpointing", ["auto", False])
def test_an_arm_is_trained_and_evaluated_in_bfloat16(checkpointing: bool | str, tmp_path: Path) -> None:
    policy = {"device": "cuda", "dtype": "bfloat16", "gradient_checkpointing": checkpointing}
    config = parse_config({"policy": policy, "task": {"train_rows": 16}, "train": {"steps": 3, "micro_batch": 32}}, "t")
    engine, task = TrlEngine(config, None), load_task(config.task)
    assert engine.device.kind == "cuda" and engine.device.name == torch.cuda.get_device_name()
    spec, on = RewardSpec(id="abc", name="reward", code=""), set[bool]()

    def paid(batch: Batch) -> Paid:
        on.add(engine.policy.base.is_gradient_checkpointing)
        return Paid([-float(len(text)) for text in batch.completions])

    job = TrainingJob(id="abc", rewards=(spec,), seed=0, steps=3, folder="abc", schedule=3)
    observer = Observer(task, task.rows("train"), [(spec, paid)], 8, 40, lambda step: None)
    ((_, trained),) = engine.train([Arm(job, task.rows("train"), observer, ROWS, tmp_path / "adapter")])
    assert isinstance(trained, Trained) and len(trained.answers) == len(ROWS)
    assert [point.step for point in observer.curves()] == [1, 2, 3] and on == {checkpointing == "auto"}
    assert all(point.grad_norm and point.grad_norm > 0 for point in observer.curves())
    assert engine.evaluate(ROWS, tmp_path / "adapter") == list(trained.answers)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_frozen_base_has_the_same_digests_on_a_gpu_and_keeps_them(dtype: str) -> None:
    cpu, gpu = (
        load_policy(parse_config({"policy": {"dtype": dtype, "device": d}}, "t").policy) for d in ("cpu", "cuda")
    )
    assert weight_digests(cpu.base) == weight_digests(gpu.base)
    assert (trainer_arguments(gpu, 0)["gradient_checkpointing"], trainer_arguments(cpu, 0)["use_cpu"]) == (True, True)
    with pytest.raises(MachineError, match=r"model\.norm"), gpu.saved_adapter(None):
        gpu.base.model.norm.weight.data[0] += 1


def test_a_gpu_without_room_for_a_batch_answers_every_question(caplog: pytest.LogCaptureFixture) -> None:
    policy = load_policy(parse_config({"policy": {"device": "cuda"}}, "t").policy)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    whole = greedy(policy.base, policy, ROWS, TrainConfig())
    room = torch.cuda.max_memory_reserved() / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(room)
    try:
        # The fraction holds a batch of 64 rows.
        with caplog.at_level(logging.WARNING):
            again = greedy(policy.base, policy, ROWS * 64, TrainConfig(eval_batch_size=len(ROWS) * 64))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory" in caplog.text and [each.text for each in again[:64]] == [each.text for each in whole]


def test_an_allocation_that_is_too_large_is_told() -> None:
    with pytest.raises(UserError, match="lower it"), enough_memory("a test", "lower it"):
        torch.empty(1 << 45, device="cuda")


def test_each_device_that_torch_sees_is_given_to_a_process() -> None:
    seen = accelerators()
    assert len(seen) == torch.cuda.device_count() == len(visible_devices())
    assert all(each.memory > 0 for each in seen) and 1 <= slots_of(Config()) <= len(seen)
