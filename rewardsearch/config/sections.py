"""The sections of a search's config for what is learnt, by which policy, in which sandbox, within what budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskConfig(Section):
    """What is learnt, and how many rows of each split."""

    name: Literal["arithmetic", "gsm8k"] = "arithmetic"
    train_rows: Count = 2000
    val_rows: Count = 500
    test_rows: Count = 1000
    seed: int = 0
    """Which rows are drawn: fixed apart from the search's seed, so that searches with other seeds see the same questions."""
    train_file: str | None = None
    """gsm8k: a JSON Lines file with `question` and `answer`; None loads openai/gsm8k from the hub."""
    test_file: str | None = None


class LoraConfig(Section):
    r: Count = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = "all-linear"


EMBEDDED = "embedded"


class PolicyConfig(Section):
    """The model that is trained: `embedded`, a folder of safetensors, a folder with a GGUF file, or a hub id."""

    model: str = EMBEDDED
    gguf_file: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    lora: LoraConfig = LoraConfig()


Layer = Literal["uid", "no_new_privs", "landlock", "seccomp", "bubblewrap"]


class SandboxConfig(Section):
    """Limits on the process that runs candidate code, and the layers that have to be around it."""

    call_s: Annotated[float, Field(gt=0)] = 5.0
    """Deadline of one reward call, wall clock."""
    memory_mb: Annotated[int, Field(ge=64)] = 512
    failures: Annotated[int, Field(ge=0)] = 2
    """Failed calls that a screen forgives (each is retried once first) before it ends as the candidate's fault."""
    rechecks: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of a training run's reward calls after which a remembered batch is asked again: its rewards must be the same."""
    require: tuple[Layer, ...] = ()
    """Layers without which no candidate is run; `rewardsearch doctor` tells which are in force on a machine."""
    bubblewrap: bool = False
    """Run the workers inside bubblewrap as well (Linux with user namespaces)."""


class ValidateConfig(Section):
    bound: Annotated[float, Field(gt=0)] = 1000.0
    """The largest magnitude a reward may return."""
    margin: float = 0.0
    """How far the mean reward of correct completions must be above that of wrong ones."""
    exploits: Literal["flag", "refuse"] = "flag"
    """What becomes of a reward that pays for something else than the task as much as for a correct completion."""


class BudgetConfig(Section):
    """None is no limit. What was computed before a budget is reached is kept, and a raised budget carries on."""

    wall_clock_minutes: Annotated[float, Field(gt=0)] | None = None
    tokens: Count | None = None
    """Prompt and completion tokens of the proposer (`openai`)."""
    dollars: Annotated[float, Field(gt=0)] | None = None
    """Money for the proposer (`openai`); every model then needs its price in propose.openai.prices."""
