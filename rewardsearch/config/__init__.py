"""The one config of a search: a pydantic model read from YAML, with `--set key=value` on top.

Every mistake in a file is reported at once, each with what was got and what is allowed.
"""

from __future__ import annotations

from rewardsearch.config.loading import load_config, parse_config
from rewardsearch.config.proposing import MixConfig, ModelConfig, OpenAIConfig, Price, ProposeConfig, Served
from rewardsearch.config.root import Config
from rewardsearch.config.sections import (
    EMBEDDED,
    BudgetConfig,
    FinalizeConfig,
    Layer,
    LoraConfig,
    PolicyConfig,
    RankConfig,
    SandboxConfig,
    ScreenConfig,
    Section,
    TaskConfig,
    ValidateConfig,
)

__all__ = [
    "EMBEDDED",
    "BudgetConfig",
    "Config",
    "FinalizeConfig",
    "Layer",
    "LoraConfig",
    "MixConfig",
    "ModelConfig",
    "OpenAIConfig",
    "PolicyConfig",
    "Price",
    "ProposeConfig",
    "RankConfig",
    "SandboxConfig",
    "ScreenConfig",
    "Section",
    "Served",
    "TaskConfig",
    "ValidateConfig",
    "load_config",
    "parse_config",
]
