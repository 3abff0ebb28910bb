"""One GRPO + LoRA training run through TRL, on the policy that the process holds."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import GRPOConfig, GRPOTrainer

from rewardsearch.config import TrainConfig
from rewardsearch.files import part_of, scratch_prefix
from rewardsearch.records import Batch, CurvePoint, RewardSpec, Row, TrainingJob
from rewardsearch.tasks import Task
from rewardsearch.train.divergence import check_weights
from rewardsearch.train.observe import ROW, Observer, Scored
from rewardsearch.train.policy import Policy, trainer_arguments
from rewardsearch.train.prompts import policy_prompt

CARRIED = "observed.json"
"""What was observed up to a checkpoint, beside it."""
Stop = Callable[[Sequence[CurvePoint]], str | None]


class _Course(TrainerCallback):  # type: ignore[misc]
    """Notes what TRL logs of each step, and ends the run after its last one, or where `stop` says why."""

    def __init__(self, observer: Observer, last: int, keep: bool, stop: Stop) -> None:
        self._observer, self._last, self._keep, self._stop = observer, last, keep, stop
        self.stop_reason: str | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        check_weights(kwargs["model"])
        if state.global_step >= self._last:
            control.should_training_stop = True
            control.should_save = self._keep

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "grad_norm" in logs:
            self._observer.logged(state.global_step, logs)
            self.stop_reason = self._stop(self._observer.curves())
            if self.stop_reason is not None:
                control.should_training_stop = True


@dataclass(frozen=True)
class Trained:
    """What a training run showed; `stop_reason` says why it stopped before its last step, None where it did not."""

    observer: Observer
    stop_reason: str | None


def train(
    model: Any,
    policy: Policy,
    task: Task,
    rows: Sequence[Row],
    job: TrainingJob,
    rewards: Sequence[tuple[RewardSpec, Callable[[Batch], Scored]]],
    config: TrainConfig,
    on_step: Callable[[int], None],
    *,
    start: Path | None = None,
    keep: Path | None = None,
    stop: Stop = lambda points: None,
) -> Trained:
    """Trains `model` (the policy under an adapter) in place up to step `job.steps` and gives what was observed.

    Which prompts come in which order, and the random numbers that sampling draws, follow from `job.seed` alone, so they
    are the same for every candidate. Whatever a reward function raises goes through. Raises Diverged where a trained weight
    is not finite after a step.

    start: a checkpoint that is carried on with its adapter, optimiser, learning rate, random numbers and observations, as
    if it had never stopped. keep: where such a checkpoint goes at the end; written last, whole or not at all.
    stop: asked after every step; why the run is not worth going on with.
    """
    observer = Observer(task, rows, rewards, config.group_size, config.max_completion_tokens, on_step)
    if start is not None:
        observer.restore(json.loads((start / CARRIED).read_text(encoding="utf-8")))
    functions, weights = observer.functions()
    course = _Course(observer, job.steps, keep is not None, stop)
    completions = config.prompts_per_step * config.group_size
    micro_batch = min(config.micro_batch or completions, completions)
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("trl")) as scratch:
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=functions,
            args=GRPOConfig(
                output_dir=scratch,
                max_steps=job.schedule or job.steps,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=completions // micro_batch,
                num_generations=config.group_size,
                max_completion_length=config.max_completion_tokens,
                learning_rate=config.learning_rate,
                lr_scheduler_type=config.lr_schedule,
                beta=config.beta,
                loss_type=config.loss_type,
                scale_rewards=config.scale_rewards,
                reward_weights=weights,
                multi_objective_aggregation=job.aggregation,
                temperature=config.temperature,
                top_p=config.top_p,
                top_k=0,
                repetition_penalty=1.0,
                **trainer_arguments(policy, job.seed),
            ),
            train_dataset=Dataset.from_list(
                [{"prompt": policy_prompt(policy.tokenizer, row), ROW: i} for i, row in enumerate(rows)]
            ),
            processing_class=policy.tokenizer,
            callbacks=[course],
        )
        trainer.remove_callback(PrinterCallback)
        # Building the trainer draws random numbers; training starts from the seed whatever was drawn.
        set_seed(job.seed)
        trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
        if keep is not None and course.stop_reason is None:
            _keep(Path(scratch) / f"checkpoint-{job.steps}", observer, keep)
    return Trained(observer, course.stop_reason)


def _keep(checkpoint: Path, observer: Observer, place: Path) -> None:
    """Moves a checkpoint and what was observed up to it to `place`."""
    (checkpoint / CARRIED).write_text(json.dumps(observer.state()), encoding="utf-8")
    if place.exists():
        shutil.rmtree(place)
    # The scratch folder may be on another file system, where moving is copying.
    arriving = part_of(place)
    try:
        shutil.move(checkpoint, arriving)
        arriving.rename(place)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
