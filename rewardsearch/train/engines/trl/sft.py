"""Supervised fine-tuning of the policy on a task's demonstrations, through TRL: a LoRA adapter that GRPO then starts from."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig as Arguments
from trl import SFTTrainer

from rewardsearch.config import SftConfig
from rewardsearch.errors import UserError
from rewardsearch.files import scratch_prefix
from rewardsearch.records import Demonstration, SftPoint
from rewardsearch.train.engine import Diverged, FineTuned, OnDone
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.divergence import check_weights
from rewardsearch.train.engines.trl.memory import enough_memory
from rewardsearch.train.engines.trl.policy import Policy, run_trainer, trainer_arguments


class _StepLog(TrainerCallback):  # type: ignore[misc]
    """Notes what TRL logs of each step."""

    def __init__(self, on_step: OnDone) -> None:
        self._on_step = on_step
        self.curve: list[SftPoint] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        point = SftPoint(step=state.global_step, loss=logs["loss"], learning_rate=logs["learning_rate"])
        if not math.isfinite(point.loss):
            raise UserError(
                f"sft: the loss is {point.loss} at step {point.step}; lower sft.learning_rate, got {args.learning_rate:g}"
            )
        self.curve.append(point)
        self._on_step(point.step)


def fine_tune(
    policy: Policy,
    demonstrations: Sequence[Demonstration],
    config: SftConfig,
    adapter: Path,
    on_step: OnDone = lambda step: None,
) -> FineTuned:
    """Trains a fresh LoRA adapter of `policy` on `demonstrations` and saves it in the folder `adapter`.

    The loss is the mean cross-entropy of the targets' tokens, each target closed by the end-of-text token. The order of the
    demonstrations and the adapter's first weights follow from `config.seed`. The policy itself stays as it was.
    Demonstrations that are longer than `config.max_tokens`, or than the policy's context, are left out.
    Raises UserError when all are, and when the loss or a weight is not finite.
    """
    examples = [_example(policy.tokenizer, each) for each in demonstrations]
    context = getattr(policy.base.config.get_text_config(), "max_position_embeddings", None) or config.max_tokens
    longest = min(config.max_tokens, context)
    fitting = [each for each in examples if len(each["input_ids"]) <= longest]
    if not fitting:
        shortest = min((len(each["input_ids"]) for each in examples), default=0)
        remedy = f"give at least {shortest}" if shortest <= context else f"the policy's context is {context} tokens"
        raise UserError(
            f"sft.max_tokens: got {config.max_tokens}, and the shortest of {len(examples)} demonstrations has {shortest} "
            f"tokens; {remedy}"
        )
    log = _StepLog(on_step)
    micro_batch = config.micro_batch or config.batch_size
    with (
        tempfile.TemporaryDirectory(prefix=scratch_prefix("sft")) as scratch,
        policy.fresh_adapter(config.seed, config.lora) as model,
    ):
        trainer = SFTTrainer(
            model=model,
            args=Arguments(
                output_dir=scratch,
                max_steps=config.steps,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=config.batch_size // micro_batch,
                learning_rate=config.learning_rate,
                lr_scheduler_type=config.lr_schedule,
                warmup_steps=round(config.warmup * config.steps),
                max_length=None,
                completion_only_loss=True,
                logging_nan_inf_filter=False,
                **trainer_arguments(policy, config.seed),
            ),
            train_dataset=Dataset.from_list(fitting),
            processing_class=policy.tokenizer,
            callbacks=[log],
        )
        remedy = f"lower sft.micro_batch (got {micro_batch}) or sft.max_tokens (got {config.max_tokens})"
        with enough_memory("supervised fine-tuning", f"{remedy}, or set policy.gradient_checkpointing: true"):
            run_trainer(trainer, config.seed)
        try:
            check_weights(model.parameters())
        except Diverged as error:
            raise UserError(f"sft: {error}; lower sft.learning_rate, got {config.learning_rate:g}") from None
        model.save_pretrained(str(adapter))
    return FineTuned(rows=len(fitting), left_out=len(examples) - len(fitting), curve=tuple(log.curve))


def _example(tokenizer: Any, demonstration: Demonstration) -> dict[str, list[int]]:
    """A demonstration's token ids, and a mask that is 1 on its target.

    The prompt has the same ids as in generation. The target is tokenised apart from it, as a completion is generated.
    """
    prompt = prompt_ids(tokenizer, demonstration.row)
    target = list(tokenizer(demonstration.completion, add_special_tokens=False)["input_ids"])
    target.append(tokenizer.eos_token_id)
    return {"input_ids": prompt + target, "completion_mask": [0] * len(prompt) + [1] * len(target)}
