"""Supervised contrastive training: a loss on labelled pairs of texts, without rationales and rewards."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from rewardsearch.config import TrainConfig
from rewardsearch.files import scratch_prefix
from rewardsearch.tasks import Contrast
from rewardsearch.train.engine import Arm, Diverged
from rewardsearch.train.engines.trl.divergence import check_weights
from rewardsearch.train.engines.trl.memory import enough_memory
from rewardsearch.train.engines.trl.policy import Policy, run_trainer, trainer_arguments
from rewardsearch.train.engines.trl.reading import passage_tokens, pooled

TEMPERATURE = 0.1


class _Contrastive(Trainer):  # type: ignore[misc]
    """InfoNCE of each query over the positives and hard negatives of its batch."""

    policy: Policy
    pairs: Sequence[Contrast]

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        pairs = [self.pairs[place] for place in inputs["places"].tolist()]
        rows = [each.query for each in pairs]
        candidates = [each.positive for each in pairs] + [row for each in pairs for row in each.negatives]
        tokens = [passage_tokens(self.policy.tokenizer, row, "") for row in (*rows, *candidates)]
        vectors = pooled(model, self.policy, tokens)
        scores = vectors[: len(rows)] @ vectors[len(rows) :].T / TEMPERATURE
        barred = torch.tensor(_barred(pairs, [row.id for row in candidates]), device=scores.device)
        return torch.nn.functional.cross_entropy(
            scores.masked_fill(barred, -math.inf), torch.arange(len(rows), device=scores.device)
        )


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Reports each step. Ends the training where a weight is not finite, and where `arm` is to pause."""

    def __init__(self, arm: Arm) -> None:
        self._arm, self.paused = arm, False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        check_weights(kwargs["model"].parameters())
        self._arm.observer.stepped(state.global_step)
        if state.global_step < self._arm.job.steps:
            control.should_training_stop = self.paused = self._arm.after_step() == "pause"

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs and not math.isfinite(logs.get("loss", 0.0)):
            raise Diverged(f"the contrastive loss is {logs['loss']} at step {state.global_step}")


def train_contrastive(model: Any, policy: Policy, arm: Arm, config: TrainConfig) -> bool:
    """Trains `model` (the policy under an adapter) in place on `arm.contrasts`, for `arm.job.steps` steps. Gives whether it
    paused; its progress is not saved, so it begins again then.

    A step takes as many pairs as a step of GRPO takes completions, `train.completions_at_once` of them at once, with their
    learning rate and its schedule. Texts of a query's own group count as no negatives of it. Raises Diverged.
    """
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("contrastive")) as scratch:
        settings = trainer_arguments(policy, arm.job.seed) | {"gradient_checkpointing": False}
        steps = _Steps(arm)
        trainer = _Contrastive(
            model=model,
            args=TrainingArguments(
                output_dir=scratch,
                max_steps=arm.job.steps,
                per_device_train_batch_size=config.completions_at_once,
                gradient_accumulation_steps=config.completions_per_step // config.completions_at_once,
                learning_rate=config.learning_rate,
                lr_scheduler_type=config.lr_schedule,
                remove_unused_columns=False,
                logging_nan_inf_filter=False,
                **settings,
            ),
            train_dataset=list(range(len(arm.contrasts))),
            data_collator=lambda places: {"places": torch.tensor(places)},
            callbacks=[steps],
        )
        trainer.policy, trainer.pairs = policy, arm.contrasts
        remedy = f"lower train.micro_batch (got {config.completions_at_once}) or train.slots, or take a smaller model"
        with enough_memory("contrastive training", remedy):
            run_trainer(trainer, arm.job.seed)
    return steps.paused


def _barred(pairs: Sequence[Contrast], candidates: Sequence[str]) -> list[list[bool]]:
    """For each query, which of the texts of the batch are no negatives of it: those of its group, beside its own positive.

    candidates: the ids of the texts, the positives of `pairs` first.
    """
    of_group: dict[str, set[str]] = {}
    for each in pairs:
        if each.group is not None:
            of_group.setdefault(each.group, set()).update((each.query.id, each.positive.id))
    found = []
    for place, each in enumerate(pairs):
        own = {each.query.id, each.positive.id, *of_group.get(each.group or "", ())}
        found.append([id in own and at != place for at, id in enumerate(candidates)])
    return found
