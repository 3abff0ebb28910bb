"""One GRPO + LoRA training run through TRL, on the policy that the process holds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import GRPOConfig, GRPOTrainer

from rewardsearch.config import ScreenConfig
from rewardsearch.records import Batch, RewardSpec, Row, ScreenJob
from rewardsearch.screen.observe import ROW, Observer, Scored
from rewardsearch.screen.policy import Policy
from rewardsearch.tasks import Task


class _GradientNorm(TrainerCallback):  # type: ignore[misc]
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and "grad_norm" in logs:
            self._observer.gradient(state.global_step, float(logs["grad_norm"]))


def train(
    model: Any,
    policy: Policy,
    task: Task,
    rows: Sequence[Row],
    job: ScreenJob,
    rewards: Sequence[tuple[RewardSpec, Callable[[Batch], Scored]]],
    config: ScreenConfig,
    on_step: Callable[[int], None],
) -> Observer:
    """Trains `model` (the policy under an adapter) in place for `job.steps` steps and gives what was observed.

    Which prompts come in which order, and the random numbers that sampling draws, follow from `job.seed` alone, so they
    are the same for every candidate. Whatever a reward function raises goes through.
    """
    observer = Observer(task, rows, rewards, config.group_size, config.max_completion_tokens, on_step)
    functions, weights = observer.functions()
    completions = config.prompts_per_step * config.group_size
    micro_batch = min(config.micro_batch or completions, completions)
    on_gpu = policy.device != "cpu"
    with tempfile.TemporaryDirectory(prefix="rewardsearch-trl-") as scratch:
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=functions,
            args=GRPOConfig(
                output_dir=scratch,
                max_steps=job.steps,
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
                temperature=config.temperature,
                top_p=config.top_p,
                top_k=0,
                repetition_penalty=1.0,
                seed=job.seed,
                data_seed=job.seed,
                logging_steps=1,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                use_cpu=not on_gpu,
                bf16=policy.config.dtype == "bfloat16",
                fp16=False,
                gradient_checkpointing=on_gpu,
                dataloader_pin_memory=on_gpu,
            ),
            train_dataset=Dataset.from_list([{"prompt": row.prompt, ROW: i} for i, row in enumerate(rows)]),
            processing_class=policy.tokenizer,
            callbacks=[_GradientNorm(observer)],
        )
        trainer.remove_callback(PrinterCallback)
        # Building the trainer draws random numbers; training starts from the seed whatever was drawn.
        set_seed(job.seed)
        trainer.train()
    return observer
