"""The sections of a search's config for the policy, the sandbox, validation and the budget."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rewardsearch.config.effects import Affects
from rewardsearch.files.resources import policy_folder

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def _is_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(map(_is_number, get_args(annotation)))


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    affects: ClassVar[Affects | None] = None
    """What depends on the keys of the section that declare nothing themselves."""

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """A bool counts as 1 or 0 in Python; in a config it is a mistake wherever a number is asked for."""
        if isinstance(value, bool) and _is_number(cls.model_fields[info.field_name or ""].annotation):
            raise ValueError(f"got {str(value).lower()}, which YAML makes of yes and on too; give a number")
        return value


class LoraConfig(Section):
    r: Count = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = "all-linear"


EMBEDDED = ("embedded", "embedded-resume", "embedded-support")
"""The policies that the package carries: for word problems, for resumes, and for support requests."""


class PolicyConfig(Section):
    """The model that is trained: one of EMBEDDED, a folder of safetensors, a folder with a GGUF file, or a hub id."""

    affects = Affects("training", "bank", "sft")
    model: str = EMBEDDED[0]
    revision: str | None = None
    """A hub model's branch, tag or commit; None for its main branch. A run keeps the commit that it stands for at the start."""
    gguf_file: str | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    gradient_checkpointing: Annotated[bool | Literal["auto"], Affects("training", "sft")] = "auto"
    """Compute activations again in the backward pass instead of keeping them: slower, and far less memory. `auto`: on a GPU."""
    lora: Annotated[LoraConfig, Affects("training")] = LoraConfig()

    @field_validator("dtype", mode="before")
    @classmethod
    def _no_float16(cls, dtype: Any) -> Any:
        if dtype == "float16":
            raise ValueError(
                "got float16, whose small gradients become 0 without loss scaling, and nothing here scales the loss; "
                "set bfloat16, or float32 on a device without bfloat16"
            )
        return dtype

    @model_validator(mode="after")
    def _revision_of_the_hub(self) -> PolicyConfig:
        if self.revision is not None and policy_folder(self.model).exists():
            raise ValueError(f"revision: got {self.revision}, and {self.model} is on this machine; leave revision out")
        return self

    @property
    def source(self) -> dict[str, str]:
        """What from_pretrained is given beside the model's name."""
        named = {"gguf_file": self.gguf_file, "revision": self.revision}
        return {key: value for key, value in named.items() if value is not None}


Layer = Literal["uid", "no_new_privs", "landlock", "seccomp", "bubblewrap"]


class SandboxConfig(Section):
    """Limits on the process that runs candidate code, and the layers that have to be around it."""

    affects = Affects("training")
    call_s: Annotated[float, Field(gt=0)] = 5.0
    """CPU seconds of one reward call: waiting for a busy machine does not count. By the wall clock it has 20 times as long."""
    memory_mb: Annotated[int, Field(ge=64)] = 512
    failures: Annotated[int, Field(ge=0)] = 2
    """Failed calls that a training run tolerates (each is retried once first) before it fails as the candidate's fault."""
    rechecks: Share = 0.1
    """Share of a training run's reward calls after which a remembered batch is asked again: its rewards must be the same."""
    require: Annotated[tuple[Layer, ...], Affects()] = ()
    """Layers without which no candidate is run; `rewardsearch doctor` shows which are in force on a machine."""
    bubblewrap: Annotated[bool, Affects()] = False
    """Run the workers inside bubblewrap as well (Linux with user namespaces)."""


class ValidateConfig(Section):
    affects = Affects("search")
    bound: Annotated[float, Field(gt=0)] = 1000.0
    """The largest magnitude a reward may return."""
    margin: float = 0.0
    """How far the mean reward of correct completions must be above that of wrong ones."""
    exploits: Literal["flag", "refuse"] = "flag"
    """What becomes of a reward that pays for something else than the task as much as for a correct completion."""


class BudgetConfig(Section):
    """None is no limit. A search that reaches a budget keeps its results; the same command resumes it with a raised budget."""

    affects = Affects()
    wall_clock_minutes: Annotated[float, Field(gt=0)] | None = None
    """Of all sessions together. Running training jobs are paused when it is used up."""
    gpu_hours: Annotated[float, Field(gt=0)] | None = None
    """Hours that training processes hold accelerators, times their number; as wall_clock_minutes."""
    tokens: Count | None = None
    """Prompt and completion tokens of the proposer (`llm`)."""
    dollars: Annotated[float, Field(gt=0)] | None = None
    """Money for the proposer (`llm`); every model then needs its price in propose.llm.prices."""
