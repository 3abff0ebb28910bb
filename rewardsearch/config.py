"""The one config of a search: a pydantic model read from YAML, with `--set key=value` on top.

Every mistake in a file is reported at once, each with what was got and what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rewardsearch.errors import UserError
from rewardsearch.resources import find

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


class OpenAIConfig(Section):
    """An OpenAI-compatible Chat Completions server. The key is read from the environment variable `api_key_env`."""

    model: str = "gpt-5"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Count = 8000
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    max_retries: Annotated[int, Field(ge=0)] = 4


class ProposeConfig(Section):
    proposer: Literal["grammar", "openai", "folder"] = "grammar"
    repairs: Annotated[int, Field(ge=0)] = 1
    """How often rejected code goes back to the proposer with the reasons, a round (`openai`)."""
    folder: str | None = None
    """Where `folder` takes its files from; None takes candidates/<task>/."""
    openai: OpenAIConfig = OpenAIConfig()


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


class ScreenConfig(Section):
    """One GRPO + LoRA training run and its evaluation; the same for every candidate."""

    steps: Count = 40
    prompts_per_step: Count = 8
    group_size: Annotated[int, Field(ge=2)] = 8
    max_completion_tokens: Count = 40
    micro_batch: Count | None = None
    """Completions of a forward and backward pass; None takes a whole step's at once. Must divide them."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    lr_schedule: Literal["constant", "linear", "cosine"] = "linear"
    beta: Annotated[float, Field(ge=0)] = 0.0
    """KL coefficient; 0 trains without a reference model."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "group"
    base_rewards: Annotated[tuple[str, ...], Field(min_length=1)] = ("format_exact", "format_approximate", "answer")
    """Names of files in candidates/base/ that every run trains on, or paths."""
    eval_batch_size: Count = 250
    slots: Count = 2
    """Training processes side by side."""
    threads: Count = 1
    """CPU threads of each; part of the result on a CPU, to the last bit."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a run is started again after its process died or said nothing for `stall_minutes`."""
    stall_minutes: Annotated[float, Field(gt=0)] = 60.0
    """A training process speaks at every step; loading a model and evaluating are the longest silences."""


class RankConfig(Section):
    resamples: Annotated[int, Field(ge=100)] = 10_000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    correction: Literal["holm", "bonferroni"] = "holm"


class FinalizeConfig(Section):
    """The top-k ensemble and its controls, trained alike, then one reading of the sealed test."""

    enabled: bool = True
    top_k: Count = 3
    random_k: Annotated[int, Field(ge=0)] = 3
    """Members of the random control, drawn from all screened candidates; 0 leaves it out."""


class BudgetConfig(Section):
    """None is no limit. What was computed before a budget is reached is kept, and a raised budget carries on."""

    wall_clock_minutes: Annotated[float, Field(gt=0)] | None = None
    tokens: Count | None = None


class Config(Section):
    run_dir: str | None = None
    """None makes it runs/<name of the config file>."""
    seed: int = 0
    rounds: Count = 2
    candidates: Count = 4
    """Candidates a round."""
    task: TaskConfig = TaskConfig()
    policy: PolicyConfig = PolicyConfig()
    propose: ProposeConfig = ProposeConfig()
    sandbox: SandboxConfig = SandboxConfig()
    validation: ValidateConfig = ValidateConfig()
    screen: ScreenConfig = ScreenConfig()
    rank: RankConfig = RankConfig()
    finalize: FinalizeConfig = FinalizeConfig()
    budget: BudgetConfig = BudgetConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.task.name == "arithmetic" and (self.task.train_file or self.task.test_file):
            raise ValueError("task.train_file and task.test_file are for task gsm8k; arithmetic generates its rows")
        if bool(self.task.train_file) != bool(self.task.test_file):
            raise ValueError("task.train_file and task.test_file go together: give both files or neither")
        completions = self.screen.prompts_per_step * self.screen.group_size
        if self.screen.micro_batch and completions % self.screen.micro_batch:
            raise ValueError(
                f"screen.micro_batch: got {self.screen.micro_batch}, must divide the {completions} completions of a step "
                "(prompts_per_step * group_size)"
            )
        return self

    def to_yaml(self) -> str:
        """The config as YAML that load_config reads back to an equal config."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """The config in the YAML file `path`, with `key.sub=value` overrides applied.

    Relative data files, models and folders in it are taken as given where they exist, else beside the config file.
    Raises UserError with every mistake at once.
    """
    file = find(str(path), what="config")
    if not file.is_file():
        raise UserError(f"config is not a file: {file}; name a YAML file, such as configs/arithmetic-demo.yaml")
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: got a {type(data).__name__} at the top, a config is a mapping of keys to values")
    for override in overrides:
        _apply_override(data, override)
    _resolve_paths(data, file.parent)
    data.setdefault("run_dir", f"runs/{file.stem}")
    return parse_config(data, str(file))


def parse_config(data: dict[str, Any], source: str) -> Config:
    """A Config from plain data. Raises UserError naming `source`, one line a mistake."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UserError(*(f"{source}: {_mistake(item)}" for item in error.errors())) from None


def _apply_override(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UserError(f"--set {override}: got no key=value; write it as --set screen.steps=20")
    *parents, last = key.strip().split(".")
    for parent in parents:
        inner = data.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {override}: {parent} is not a section")
        data = inner
    try:
        data[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UserError(f"--set {override}: the value is not YAML: {' '.join(str(error).split())}") from None


_PATHS = (("task", "train_file"), ("task", "test_file"), ("policy", "model"), ("propose", "folder"))


def _resolve_paths(data: dict[str, Any], base: Path) -> None:
    for section, key in _PATHS:
        inner = data.get(section)
        if isinstance(inner, dict) and isinstance(inner.get(key), str) and inner[key] != EMBEDDED:
            inner[key] = _resolved(inner[key], base)
    screen = data.get("screen")
    if isinstance(screen, dict) and isinstance(screen.get("base_rewards"), list):
        names = screen["base_rewards"]
        screen["base_rewards"] = [_resolved(n, base) if str(n).endswith(".py") else n for n in names]


def _resolved(path: str, base: Path) -> str:
    """The absolute form of a path that exists, as given or beside the config; anything else as it is."""
    place = next((p for p in (Path(path).expanduser(), base / path) if p.exists()), None)
    return path if place is None else str(place.resolve())


def _mistake(item: Any) -> str:
    """One pydantic error as: where, what was wrong, what was got, what is allowed."""
    where = ".".join(str(part) for part in item["loc"]) or "config"
    if item["type"] == "extra_forbidden":
        known = _fields_at(item["loc"][:-1])
        close = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return message if where == "config" else f"{where}: {message}"
    if item["type"] == "tuple_type":
        message = "should be a list, such as [a, b]"
    return f"{where}: {message[0].lower()}{message[1:]}, got {item['input']!r}"


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
