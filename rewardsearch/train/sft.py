"""Supervised fine-tuning of the policy on a task's demonstrations, through TRL: a LoRA adapter that GRPO then starts from."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig as Arguments
from trl import SFTTrainer

from rewardsearch.config import SftConfig
from rewardsearch.errors import UserError
from rewardsearch.files import scratch_prefix
from rewardsearch.records import Demonstration, SftPoint
from rewardsearch.train.divergence import Diverged, check_weights
from rewardsearch.train.policy import Policy, trainer_arguments
from rewardsearch.train.prompts import prompt_ids


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning showed: demonstrations taught, those left out because they are too long, and the curve."""

    rows: int
    left_out: int
    curve: tuple[SftPoint, ...]


class _Course(TrainerCallback):  # type: ignore[misc]
    """Notes what TRL logs of each step."""

    def __init__(self, on_step: Callable[[int], None]) -> None:
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


def tune(
    policy: Policy,
    demonstrations: Sequence[Demonstration],
    config: SftConfig,
    adapter: Path,
    on_step: Callable[[int], None] = lambda step: None,
) -> Tuned:
    """Trains a fresh LoRA adapter of `policy` on `demonstrations` and saves it in the folder `adapter`.

    The loss is the mean cross-entropy of the targets' tokens, each target closed by the end-of-text token. The order of the
    demonstrations and the adapter's first weights follow from `config.seed`. The policy itself stays as it was.
    Demonstrations that are longer than `config.max_tokens`, or than the policy's context, are left out.
    Raises UserError when all are, and when the loss is no number any more.
    """
    examples = [_example(policy.tokenizer, each) for each in demonstrations]
    context = getattr(policy.base.config.get_text_config(), "max_position_embeddings", None) or config.max_tokens
    most = min(config.max_tokens, context)
    fitting = [each for each in examples if len(each["input_ids"]) <= most]
    if not fitting:
        shortest = min((len(each["input_ids"]) for each in examples), default=0)
        remedy = f"give at least {shortest}" if shortest <= context else f"the policy's context is {context} tokens"
        raise UserError(
            f"sft.max_tokens: got {config.max_tokens}, and the shortest of {len(examples)} demonstrations has {shortest} "
            f"tokens; {remedy}"
        )
    course = _Course(on_step)
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
            callbacks=[course],
        )
        trainer.remove_callback(PrinterCallback)
        # Building the trainer draws random numbers; training starts from the seed whatever was drawn.
        set_seed(config.seed)
        trainer.train()
        try:
            check_weights(model)
        except Diverged as error:
            raise UserError(f"sft: {error}; lower sft.learning_rate, got {config.learning_rate:g}") from None
        model.save_pretrained(str(adapter))
    return Tuned(rows=len(fitting), left_out=len(examples) - len(fitting), curve=tuple(course.curve))


def _example(tokenizer: Any, demonstration: Demonstration) -> dict[str, list[int]]:
    """A demonstration's token ids, and a mask that is 1 on its target.

    The prompt has the very ids that generation sees; the target is tokenised apart from it, as a completion is generated.
    """
    prompt = prompt_ids(tokenizer, demonstration.row)
    target = list(tokenizer(demonstration.completion, add_special_tokens=False)["input_ids"])
    target.append(tokenizer.eos_token_id)
    return {"input_ids": prompt + target, "completion_mask": [0] * len(prompt) + [1] * len(target)}
