"""One GRPO + LoRA training run through TRL, on the policy that the process holds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOTrainer

from rewardsearch.config import TrainConfig
from rewardsearch.files import replace_folder, scratch_prefix
from rewardsearch.records import TrainingJob
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engine import Arm
from rewardsearch.train.engines.tokenizing import policy_prompt
from rewardsearch.train.engines.trl.divergence import check_weights
from rewardsearch.train.engines.trl.fields import trainer_config
from rewardsearch.train.engines.trl.generation import end_tokens
from rewardsearch.train.engines.trl.memory import enough_memory, training_remedy
from rewardsearch.train.engines.trl.policy import Policy, run_trainer, trainer_arguments
from rewardsearch.train.engines.trl.reading import PolicyReader
from rewardsearch.train.engines.trl.rewards import ROW, reward_functions

OBSERVED = "observed.json"
"""The observer's state, in the folder of a checkpoint."""


class _Timed(GRPOTrainer):  # type: ignore[misc]
    """Measures how long sampling takes, and changes nothing."""

    clock: PhaseClock

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self.clock("rollout"):
            return super()._generate(*args, **kwargs)


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Passes what TRL logs of each step to the observer, and does after it what the arm says: ends the run, or saves it."""

    def __init__(self, arm: Arm, clock: PhaseClock) -> None:
        self._arm, self._clock = arm, clock
        self.stop_reason: str | None = None
        self.paused = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        check_weights(kwargs["model"].parameters())
        if state.global_step >= self._arm.job.steps:
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "grad_norm" not in logs:
            return
        arm = self._arm
        arm.observer.logged(state.global_step, logs)
        self.stop_reason = arm.stop(arm.observer.curves())
        if self.stop_reason is not None:
            control.should_training_stop = True
        elif state.global_step >= arm.job.steps:
            control.should_save = arm.checkpoint is not None
        elif (then := arm.after_step()) != "continue":
            control.should_save = True
            control.should_training_stop = self.paused = then == "pause"

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keeps the checkpoint that was just saved, with the observer's state in it."""
        arm, made = self._arm, Path(args.output_dir) / f"checkpoint-{state.global_step}"
        (made / OBSERVED).write_text(arm.observer.state(), encoding="utf-8")
        folder = arm.checkpoint
        if state.global_step < arm.job.steps:
            arm.seal(made, self._clock.so_far())
            folder = arm.progress
        if folder is not None:
            replace_folder(made, folder)


def train(
    model: Any,
    policy: Policy,
    arm: Arm,
    config: TrainConfig,
    clock: PhaseClock,
    rollout: Callable[..., dict[str, Any]] | None = None,
) -> tuple[str | None, bool]:
    """Trains `model` (the policy under an adapter) in place as `arm` says. Gives the reason why it stopped before its last step,
    and whether it was paused.

    rollout: what samples the completions of a step, as GRPOTrainer calls its `rollout_func`; None is the model's own `generate`.
    Raises Diverged where a trained weight is not finite after a step.
    """
    job, observer, start = arm.job, arm.observer, arm.start
    if start is not None:
        observer.restore((start / OBSERVED).read_text(encoding="utf-8"))
    functions, weights = reward_functions(
        observer, clock, PolicyReader(model, policy, config), end_tokens(model, policy.tokenizer)
    )
    steps = _Steps(arm, clock)
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("trl")) as scratch, clock("update"):
        trainer = _Timed(
            model=model,
            reward_funcs=functions,
            args=grpo_arguments(policy, job, config, weights, scratch),
            train_dataset=Dataset.from_list(
                [{"prompt": policy_prompt(policy.tokenizer, row), ROW: i} for i, row in enumerate(arm.rows)]
            ),
            processing_class=policy.tokenizer,
            callbacks=[steps],
            rollout_func=rollout,
        )
        trainer.clock = clock
        with enough_memory("training", training_remedy(config)):
            run_trainer(trainer, job.seed, start)
    return steps.stop_reason, steps.paused


def grpo_arguments(policy: Policy, job: TrainingJob, config: TrainConfig, weights: list[float], scratch: str) -> Any:
    """The arguments of GRPOTrainer for a job. weights: of its rewards. scratch: the folder that TRL writes to."""
    settings = {
        "output_dir": scratch,
        "max_steps": job.schedule or job.steps,
        "per_device_train_batch_size": config.completions_at_once,
        "gradient_accumulation_steps": config.completions_per_step // config.completions_at_once,
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
