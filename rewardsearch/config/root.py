"""The root of a search's config."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import yaml
from pydantic import field_validator, model_validator

from rewardsearch.config.effects import Affects
from rewardsearch.config.judging import BankConfig, FinalizeConfig, RankConfig
from rewardsearch.config.proposing import ProposeConfig
from rewardsearch.config.sections import (
    BudgetConfig,
    Count,
    PolicyConfig,
    SandboxConfig,
    Section,
    ValidateConfig,
)
from rewardsearch.config.sft import SftConfig
from rewardsearch.config.task import TaskConfig
from rewardsearch.config.training import BASE_REWARDS, RaceConfig, TrainConfig, WatchConfig
from rewardsearch.records import POLICY


class Config(Section):
    run_dir: Annotated[str | None, Affects()] = None
    """None makes it runs/<name of the config file>."""
    seed: Annotated[int, Affects("search")] = 0
    rounds: Annotated[Count, Affects()] = 2
    candidates: Annotated[Count, Affects("search")] = 4
    """Candidates a round."""
    paper_protocol: Annotated[bool, Affects("training")] = False
    """The literature's way, to repeat it: candidates are ranked on the test split, by one seed, each trained to the end. Its
    scores are inflated; everything that shows them says so."""
    task: TaskConfig = TaskConfig()
    policy: PolicyConfig = PolicyConfig()
    sft: SftConfig = SftConfig()
    propose: ProposeConfig = ProposeConfig()
    sandbox: SandboxConfig = SandboxConfig()
    validation: ValidateConfig = ValidateConfig()
    bank: BankConfig = BankConfig()
    train: TrainConfig = TrainConfig()
    race: RaceConfig = RaceConfig()
    watch: WatchConfig = WatchConfig()
    rank: RankConfig = RankConfig()
    finalize: FinalizeConfig = FinalizeConfig()
    budget: BudgetConfig = BudgetConfig()
    trackers: Annotated[tuple[Literal["tensorboard", "trackio", "wandb"], ...], Affects()] = ()
    """Where the curves of training runs and the leaderboard of each round also go."""
    notify: Annotated[tuple[str, ...], Affects()] = ()
    """Environment variables, each with an address for notifications as apprise takes it, such as mailto://... The address may
    hold a key, so the config has the variable's name alone."""

    @field_validator("notify", mode="before")
    @classmethod
    def _names_of_variables(cls, value: Any) -> Any:
        # The values are not repeated: one may be an address with a key.
        if not isinstance(value, list | tuple) or not all(
            isinstance(each, str) and re.fullmatch(r"[A-Za-z_]\w*", each) for each in value
        ):
            raise ValueError(
                "should be a list of names of environment variables, such as [NOTIFY_URL]; put each address into a variable"
            )
        return value

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The environment variables that no training process is to see."""
        return (*self.propose.llm.key_variables, *self.notify)

    @model_validator(mode="before")
    @classmethod
    def _base_rewards_of_the_task(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        task, train = value.get("task"), value.get("train", {})
        name = task.get("name") if isinstance(task, dict) else getattr(task, "name", None)
        if not isinstance(name, str) or name not in BASE_REWARDS:
            return value
        if isinstance(train, dict):
            return {**value, "train": {"base_rewards": BASE_REWARDS[name], **train}}
        if isinstance(train, TrainConfig) and "base_rewards" not in train.model_fields_set:
            return {**value, "train": train.model_copy(update={"base_rewards": BASE_REWARDS[name]})}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for key in ("val_data", "test_data"):
            if getattr(self.task, key) and not self.task.data:
                raise ValueError(
                    f"task.{key} goes with task.data: give both, or task.data alone to carve {key.partition('_')[0]} from it"
                )
        if bool(self.task.train_file) != bool(self.task.test_file):
            raise ValueError("task.train_file and task.test_file go together: give both files or neither")
        completions = self.train.completions_per_step
        if self.train.micro_batch and completions % self.train.micro_batch:
            raise ValueError(
                f"train.micro_batch: got {self.train.micro_batch}, must divide the {completions} completions of a step "
                "(prompts_per_step * group_size)"
            )
        if self.train.trl and self.train.engine not in ("trl", "vllm"):
            raise ValueError(
                f"train.trl: only the engines trl and vllm train through TRL, got train.engine: {self.train.engine}; take it out"
            )
        if self.sft.micro_batch and self.sft.batch_size % self.sft.micro_batch:
            raise ValueError(
                f"sft.micro_batch: got {self.sft.micro_batch}, must divide the {self.sft.batch_size} demonstrations of a step "
                "(sft.batch_size)"
            )
        return self

    @property
    def ranked_on(self) -> Literal["val", "test"]:
        """The split that candidates are evaluated and ranked on."""
        return "test" if self.paper_protocol else "val"

    @property
    def policy_name(self) -> str:
        """What tables call the policy before GRPO, whose id is POLICY."""
        return "sft" if self.sft.enabled else POLICY

    @property
    def racing(self) -> bool:
        """Whether training runs race through rungs."""
        return self.race.enabled and not self.paper_protocol

    @property
    def baseline_seeds(self) -> tuple[int, ...]:
        """The seeds that the baseline is trained with, the search's own first."""
        return tuple(range(self.seed, self.seed + (1 if self.paper_protocol else self.train.baseline_seeds)))

    def to_yaml(self) -> str:
        """The config as YAML that load_config reads back to an equal config."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
