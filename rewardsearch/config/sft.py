"""The section of a search's config for supervised fine-tuning (SFT) before GRPO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rewardsearch.config.effects import Affects
from rewardsearch.config.sections import Count, LoraConfig, Section


class SftConfig(Section):
    """Supervised fine-tuning of the policy on the task's demonstrations; what it gives is where every GRPO run starts."""

    affects = Affects("sft")
    enabled: Annotated[bool, Affects("training", "bank")] = False
    steps: Count = 100
    batch_size: Count = 32
    """Demonstrations of a step."""
    micro_batch: Count | None = None
    """Demonstrations of a forward and backward pass; None takes a whole step's at once. Must divide them."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    lr_schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps over which the learning rate rises."""
    max_tokens: Count = 512
    """Of prompt and target together. A demonstration that is longer, or longer than the policy's context, is left out and
    counted."""
    seed: int = 0
    lora: LoraConfig = LoraConfig()
