"""The sections of a search's config for what is learnt, by which policy, in which sandbox, within what budget."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

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


def _as_text(value: Any) -> Any:
    """YAML reads `yes` and `true` as one and the same, and `1` as a number."""
    if isinstance(value, bool):
        raise ValueError(f"got {str(value).lower()}, which YAML makes of yes, on and true alike; quote the value")
    return str(value) if isinstance(value, int | float) else value


LabelValue = Annotated[str, BeforeValidator(_as_text)]


def label_key(value: str) -> str:
    """What two label values are compared by."""
    return value.strip().casefold()


class ColumnMap(Section):
    """What the columns of a data set are called that is not the generated one."""

    resume: str = "resume"
    job: str = "job"
    label: str = "label"
    positive: Annotated[tuple[LabelValue, ...], Field(min_length=1)] = ("SELECTED",)
    """Values of the label column that mean SELECTED; compared without case and outer spaces."""
    negative: Annotated[tuple[LabelValue, ...], Field(min_length=1)] = ("REJECTED",)
    """Values that mean REJECTED; any other is an error."""
    prompt: tuple[str, ...] = ()
    """Further columns that are written into the prompt, and passed to rewards."""
    reason: str | None = None
    """A column with the reason of the label, as supervised fine-tuning teaches it."""
    person: str | None = None
    """A column that says who it is, such as an applicant's number: rows of one person stay in one split, however their resumes
    differ. No prompt and no reward has it."""
    groups: tuple[str, ...] = ()
    """Columns with a person's group (such as gender), for the fairness table alone: no prompt and no reward has them."""

    @property
    def who(self) -> tuple[str, ...]:
        """The roles by which two rows are of one person."""
        return ("resume",) if self.person is None else ("resume", "person")

    @model_validator(mode="after")
    def _apart(self) -> ColumnMap:
        """No value means both classes, and no column gives a policy or a reward what only the label, or nobody, should have."""
        if both := {label_key(value) for value in self.positive} & {label_key(value) for value in self.negative}:
            raise ValueError(
                f"{', '.join(sorted(both))}: a value of both positive and negative; give it to one of them"
            )
        singles = [("resume", self.resume), ("job", self.job), ("label", self.label)]
        singles += [
            (role, name) for role, name in (("reason", self.reason), ("person", self.person)) if name is not None
        ]
        lists = [("prompt", name) for name in self.prompt] + [("groups", name) for name in self.groups]
        roles: dict[str, str] = {}
        for role, name in singles + lists:
            if name in roles:
                raise ValueError(f"column {name!r} is given as {roles[name]} and as {role}; a column has one of them")
            roles[name] = role
        if taken := set(self.prompt) & {"resume", "job", "prompts", "completions", "answer"}:
            raise ValueError(f"prompt: rewards have {', '.join(sorted(taken))} as something else; rename the column")
        return self


class TaskConfig(Section):
    """What is learnt, and how many rows of each split."""

    affects = Affects("training", "bank", "sft")
    name: str = "arithmetic"
    """A built-in task (arithmetic, gsm8k, resume), one of an installed package by its entry point, or a class from outside:
    `package.module:Class`, or `file.py:Class`."""
    train_rows: Count = 2000
    val_rows: Annotated[Count, Affects("training", "sft")] = 500
    test_rows: Annotated[Count, Affects("training")] = 1000
    seed: int = 0
    """Which rows are drawn: fixed apart from the search's seed, so that searches with other seeds see the same questions."""
    train_file: str | None = None
    """gsm8k: a JSON Lines file with `question` and `answer`; None loads openai/gsm8k from the hub."""
    test_file: Annotated[str | None, Affects("training")] = None
    data: str | None = None
    """resume: a CSV or JSON Lines file, or the id of a hub data set; None generates the rows."""
    test_data: Annotated[str | None, Affects("training")] = None
    """resume: where the test rows come from; None carves `val` and `test` from `data`, as `split_by` says. Whether there is one
    also counts for the bank and the fine-tuning: what `data` has for `train` and `val` depends on it."""
    columns: ColumnMap = ColumnMap()
    split_by: Literal["auto", "texts", "persons"] = "auto"
    """resume: which rows of `data` stay in one split. `texts`: those that share a resume, a job or a person; `persons`: those
    that share a resume or a person. `auto` is `texts` where every split then has at least half of its share of the rows, else
    `persons`. Name the one it took, and rows that are added later move no others, but where they tie two jobs (by `persons`,
    two persons) together."""
    show_rows: Annotated[bool | None, Affects()] = None
    """Whether proposers see texts of training rows: an example, and completions on which reward and truth disagree. None shows
    them unless `data` is set: resumes of real people then stay on this machine."""
    chat: bool = False
    """resume: the prompt is chat messages with instructions, for models that were tuned on such; else plain text."""
    balance: bool = True
    """resume: the training rows have a share of `selected_share` SELECTED, what is short of it repeated. `val` and `test` stay as
    they are."""
    selected_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """resume: 0.5 has as many of either class; a lower one makes the policy more careful whom it selects."""

    @property
    def label(self) -> str:
        """What tables call the task: its name, without the folder of a file."""
        return self.name.rpartition("/")[2]

    @property
    def rows_shown(self) -> bool:
        """Whether proposers see texts of rows."""
        return self.data is None if self.show_rows is None else self.show_rows

    def data_files(self, test: bool) -> tuple[str, ...]:
        """What the rows are read from, hub ids among it; where the test rows have a source of their own, it comes with `test`."""
        own_test = (self.test_file, self.test_data) if test else ()
        return tuple(file for file in (self.train_file, self.data, *own_test) if file is not None)


class LoraConfig(Section):
    r: Count = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | list[str] = "all-linear"


EMBEDDED = ("embedded", "embedded-resume")
"""The policies that the package carries: one for word problems, one for resumes."""


class PolicyConfig(Section):
    """The model that is trained: one of EMBEDDED, a folder of safetensors, a folder with a GGUF file, or a hub id."""

    affects = Affects("training", "bank", "sft")
    model: str = EMBEDDED[0]
    revision: str | None = None
    """A hub model's branch, tag or commit; None for its main branch. A run keeps the commit that it stands for at the start."""
    gguf_file: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    lora: Annotated[LoraConfig, Affects("training")] = LoraConfig()

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
    tokens: Count | None = None
    """Prompt and completion tokens of the proposer (`llm`)."""
    dollars: Annotated[float, Field(gt=0)] | None = None
    """Money for the proposer (`llm`); every model then needs its price in propose.llm.prices."""
