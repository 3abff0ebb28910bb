"""One GRPO + LoRA training run through TRL, on the policy that the process holds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOTrainer

from rewardsearch.config import TrainConfig
from rewardsearch.files import part_of, scratch_prefix
from rewardsearch.records import TrainingJob
from rewardsearch.train.engine import Arm
from rewardsearch.train.engines.tokenizing import policy_prompt
from rewardsearch.train.engines.trl.divergence import check_weights
from rewardsearch.train.engines.trl.fields import trainer_config
from rewardsearch.train.engines.trl.memory import enough_memory
from rewardsearch.train.engines.trl.policy import Policy, run_trainer, trainer_arguments
from rewardsearch.train.engines.trl.rewards import ROW, reward_functions
from rewardsearch.train.worker.observe import Observer

OBSERVED = "observed.json"
"""The observer's state, in the folder of a checkpoint."""


class _StepLog(TrainerCallback):  # type: ignore[misc]
    """Passes what TRL logs of each step to the observer. Ends the run after its last step, or where `arm.stop` says so."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self.stop_reason: str | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        check_weights(kwargs["model"])
        if state.global_step >= self._arm.job.steps:
            control.should_training_stop = True
            control.should_save = self._arm.checkpoint is not None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "grad_norm" in logs:
            self._arm.observer.logged(state.global_step, logs)
            self.stop_reason = self._arm.stop(self._arm.observer.curves())
            if self.stop_reason is not None:
                control.should_training_stop = True


def train(model: Any, policy: Policy, arm: Arm, config: TrainConfig) -> str | None:
    """Trains `model` (the policy under an adapter) in place as `arm` says. Gives the reason why it stopped before its last step.

    Raises Diverged where a trained weight is not finite after a step.
    """
    job, observer, start = arm.job, arm.observer, arm.start
    if start is not None:
        observer.restore((start / OBSERVED).read_text(encoding="utf-8"))
    functions, weights = reward_functions(observer)
    log = _StepLog(arm)
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("trl")) as scratch:
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=functions,
            args=_arguments(policy, job, config, weights, scratch),
            train_dataset=Dataset.from_list(
                [{"prompt": policy_prompt(policy.tokenizer, row), ROW: i} for i, row in enumerate(arm.rows)]
            ),
            processing_class=policy.tokenizer,
            callbacks=[log],
        )
        with enough_memory("training", _remedy(config)):
            run_trainer(trainer, job.seed, start)
        if arm.checkpoint is not None and log.stop_reason is None:
            _keep(Path(scratch) / f"checkpoint-{job.steps}", observer, arm.checkpoint)
    return log.stop_reason


def _remedy(config: TrainConfig) -> str:
    """What to do where a step does not fit into memory."""
    completions = config.prompts_per_step * config.group_size
    return (
        f"lower train.micro_batch (got {config.micro_batch or completions} of {completions} completions at once), "
        f"train.prompts_per_step (got {config.prompts_per_step}), train.max_completion_tokens (got "
        f"{config.max_completion_tokens}) or train.slots, or set policy.gradient_checkpointing: true"
    )


def _arguments(policy: Policy, job: TrainingJob, config: TrainConfig, weights: list[float], scratch: str) -> Any:
    completions = config.prompts_per_step * config.group_size
    micro_batch = min(config.micro_batch or completions, completions)
    settings = {
        "output_dir": scratch,
        "max_steps": job.schedule or job.steps,
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": completions // micro_batch,
        "num_generations": config.group_size,
        "max_completion_length": config.max_completion_tokens,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.lr_schedule,
        "beta": config.beta,
        "loss_type": config.loss_type,
        "scale_rewards": config.scale_rewards,
        "reward_weights": weights,
        "multi_objective_aggregation": job.aggregation,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": 0,
        "repetition_penalty": 1.0,
        **trainer_arguments(policy, job.seed),
    }
    return trainer_config(config.trl, settings)


def _keep(checkpoint: Path, observer: Observer, folder: Path) -> None:
    """Moves a checkpoint, with the observer's state in it, to `folder`."""
    (checkpoint / OBSERVED).write_text(observer.state(), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    # The scratch folder may be on another file system, where moving is copying.
    arriving = part_of(folder)
    try:
        shutil.move(checkpoint, arriving)
        arriving.rename(folder)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
