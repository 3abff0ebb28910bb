"""The one config of a search: a pydantic model read from YAML, with `--set key=value` on top.

Every mistake in a file is reported at once, each with what was got and what is allowed.
"""

from __future__ import annotations

from rewardsearch.config.judging import CONTROLS, ENSEMBLES, TOP, BankConfig, FinalizeConfig, RankConfig
from rewardsearch.config.loading import load_config, parse_config
from rewardsearch.config.proposing import MixConfig, ModelConfig, OpenAIConfig, Price, ProposeConfig, Served
from rewardsearch.config.root import Config
from rewardsearch.config.screening import RaceConfig, Rung, ScreenConfig, WatchConfig
from rewardsearch.config.sections import (
    EMBEDDED,
    BudgetConfig,
    ColumnMap,
    Layer,
    LoraConfig,
    PolicyConfig,
    SandboxConfig,
    Section,
    TaskConfig,
    ValidateConfig,
    label_key,
)
from rewardsearch.config.tuning import SftConfig

__all__ = [
    "CONTROLS",
    "EMBEDDED",
    "ENSEMBLES",
    "TOP",
    "BankConfig",
    "BudgetConfig",
    "ColumnMap",
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
    "RaceConfig",
    "RankConfig",
    "Rung",
    "SandboxConfig",
    "ScreenConfig",
    "Section",
    "Served",
    "SftConfig",
    "TaskConfig",
    "ValidateConfig",
    "WatchConfig",
    "label_key",
    "load_config",
    "parse_config",
]
