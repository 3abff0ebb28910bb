"""The one config of a search: a pydantic model read from YAML, with `--set key=value` on top.

Every mistake in a file is reported at once, each with what was got and what is allowed.
"""

from __future__ import annotations

from rewardsearch.config.effects import Affects, effects_of, flat
from rewardsearch.config.judging import CONTROLS, ENSEMBLES, TOP, BankConfig, FinalizeConfig, RankConfig
from rewardsearch.config.loading import load_config, parse_config
from rewardsearch.config.proposing import LLMConfig, MixConfig, Price, ProposeConfig, Served
from rewardsearch.config.root import Config
from rewardsearch.config.sections import (
    EMBEDDED,
    BudgetConfig,
    LoraConfig,
    PolicyConfig,
    SandboxConfig,
    Section,
    ValidateConfig,
)
from rewardsearch.config.sft import SftConfig
from rewardsearch.config.task import ColumnMap, PairColumns, TaskConfig, label_key, name_of_kind
from rewardsearch.config.training import RaceConfig, TrainConfig, VllmConfig, WatchConfig
