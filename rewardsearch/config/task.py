"""The section of a search's config for what is learnt: the task, its data, and how answers are written and judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rewardsearch.config.effects import Affects
from rewardsearch.config.sections import Count, Section


class SparseSection(Section):
    """A section of which some keys are written only where they have a value."""

    omitted: ClassVar[frozenset[str]] = frozenset()
    """The keys that few uses of the section have."""

    @model_serializer(mode="wrap")
    def _without_omitted(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {key: value for key, value in found.items() if value or key not in self.omitted}


def _as_text(value: Any) -> Any:
    """YAML reads `yes` and `true` as one and the same, and `1` as a number."""
    if isinstance(value, bool):
        raise ValueError(f"got {str(value).lower()}, which YAML makes of yes, on and true alike; quote the value")
    return str(value) if isinstance(value, int | float) else value


LabelValue = Annotated[str, BeforeValidator(_as_text)]


def label_key(value: str) -> str:
    """What two label values are compared by."""
    return value.strip().casefold()


class ColumnMap(SparseSection):
    """What the columns of a user's data are called. A list names those that rewards get (`rewards`); the other keys are for the
    task `resume`."""

    omitted = frozenset(("rewards",))
    rewards: tuple[str, ...] = ()
    """Columns that rewards get beside prompt, completion and answer."""
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

    @model_validator(mode="before")
    @classmethod
    def _list_of_columns(cls, value: Any) -> Any:
        return {"rewards": value} if isinstance(value, list | tuple) else value

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


class PairColumns(SparseSection):
    """Which columns of a user's data hold the texts of the task `contrast`. With `text` and `label` its pairs are made: two texts
    of one label belong together. Else each row has a query and its positive."""

    omitted = frozenset(("negatives", "group", "text", "label", "rationale"))
    query: str = "query"
    positive: str = "positive"
    negatives: tuple[str, ...] = ()
    """Columns with hard negatives: a text each, or a list of texts. Texts near the positive that do not belong to the query."""
    group: str | None = None
    """A column that says which rows are about the same: their texts are never each other's negatives."""
    text: str | None = None
    label: str | None = None
    rationale: str | None = None
    """A column with a rationale about the positive (or the text), which supervised fine-tuning teaches."""

    @model_validator(mode="before")
    @classmethod
    def _one_column(cls, value: Any) -> Any:
        negatives = value.get("negatives") if isinstance(value, dict) else None
        return value | {"negatives": [negatives]} if isinstance(negatives, str) else value

    @model_validator(mode="after")
    def _of_one_kind(self) -> PairColumns:
        if (self.text is None) != (self.label is None):
            raise ValueError("text and label go together: name both columns, or neither")
        fields = PairColumns.model_fields
        given = [
            key for key in ("query", "positive", "negatives", "group") if getattr(self, key) != fields[key].default
        ]
        if self.text is not None and given:
            raise ValueError(f"text and label make the pairs; leave {', '.join(given)} out, or text and label")
        return self


_NAMING = ("file", "environment", "data", "dataset", "kind")
"""The keys after whose value a task of a kind is named, the first that is set."""


def name_of_kind(task: Mapping[str, Any]) -> str:
    """What a task of a kind is called where the config does not say it."""
    source = str(next(filter(None, map(task.get, _NAMING))))
    return source.rstrip("/").rpartition("/")[2].partition(".")[0] or str(task["kind"])


class TaskConfig(SparseSection):
    """What is learnt, and how many rows of each split."""

    affects = Affects("training", "bank", "sft")
    omitted = frozenset(
        (
            *(
                "kind",
                "val_data",
                "prompt",
                "answer",
                "system",
                "solution",
                "group",
                "classes",
                "positive",
                "form",
                "equal",
            ),
            *(
                "dataset",
                "config",
                "min_score",
                "file",
                "trusted",
                "sample",
                "environment",
                "arguments",
                "reward_function",
                "pairs",
                "negatives",
            ),
        )
    )
    kind: str | None = None
    """A task without a class: `numeric`, `choice`, `text`, `file` (rows of `data`), `reasoning_gym`, or `verifiers`. None: the
    task of that `name`."""
    name: str = "arithmetic"
    """A built-in task (arithmetic, contrast, gsm8k, resume), one of an installed package by its entry point, or a class from
    outside: `package.module:Class`, or `file.py:Class`. With `kind`: what tables call the task."""
    train_rows: Count = 2000
    val_rows: Annotated[Count, Affects("training", "sft")] = 500
    test_rows: Annotated[Count, Affects("training")] = 1000
    seed: int = 0
    """Which rows are drawn: fixed apart from the search's seed, so that searches with other seeds see the same questions."""
    train_file: str | None = None
    """gsm8k: a JSON Lines file with `question` and `answer`; None loads openai/gsm8k from the hub."""
    test_file: Annotated[str | None, Affects("training")] = None
    sample: bool = False
    """gsm8k: take the 256 train and 64 test rows that come with the package. A search does so only where this is set."""
    data: str | None = None
    """Where the rows of a `kind`, of `resume` and of `contrast` come from: a JSON Lines, CSV or Parquet file, or the id of a hub
    data set. None: resume and contrast generate their rows."""
    val_data: str | None = None
    """Where the rows of `val` come from; None carves them from `data`."""
    test_data: Annotated[str | None, Affects("training")] = None
    """Where the test rows come from; None carves them from `data`, by the hash of their `group` (resume: as `split_by` says).
    Whether there is one also counts for the bank and the fine-tuning: what `data` has for `train` and `val` depends on it."""
    prompt: str | None = None
    """kind: the column of the prompt, or a Jinja template over the columns, such as `{{ question }}`. `{{ form }}` is the text
    that asks for the answer form. None: the column `prompt`."""
    answer: str | None = None
    """kind: the same for the gold answer. None: the column `answer`."""
    system: str | None = None
    """kind: the system message, a text or a Jinja template; goes with `chat: true`. None asks for the answer form alone.
    contrast: the instruction before a text, which may have `{{ form }}` in it."""
    solution: str | None = None
    """kind: the column or template of a worked solution or reason, which supervised fine-tuning teaches."""
    group: tuple[str, ...] = ()
    """kind: columns by which rows belong together: rows that share a value of one of them are in one split."""
    classes: dict[str, tuple[LabelValue, ...]] = {}
    """kind choice: the classes, as a list of names, or each with the values that the data write for it. Empty: the values that
    `answer` has in `data`."""
    positive: LabelValue | None = None
    """kind choice: the class whose F1 candidates are ranked by. None: the first of two classes; of more none."""
    form: str | dict[str, str] | None = None
    """How an answer is written: tags (None means this), boxed, hash, last_number, whole, `json: KEY`, or `regex: PATTERN`; a
    pattern may need an `example`: {regex: PATTERN, example: 'Answer: {answer}'}."""
    equal: Literal["number", "text", "math"] | None = None
    """What counts as the same answer; `math` needs the package math-verify. None: numbers for numeric tasks, text for text."""
    dataset: str | None = None
    """kind reasoning_gym: the generator, such as chain_sum."""
    config: dict[str, Any] = {}
    """kind reasoning_gym: the generator's settings."""
    min_score: Annotated[float, Field(gt=0)] | None = None
    """kind reasoning_gym and verifiers: the score from which on an answer is correct. None: 1."""
    environment: str | None = None
    """kind verifiers: an installed environment by its name, or its Python file."""
    arguments: dict[str, Any] = {}
    """kind verifiers: the arguments of the environment's `load_environment`."""
    reward_function: str | None = None
    """kind verifiers: the reward function whose score counts. None: the weighted sum of all of them."""
    file: str | None = None
    """kind file: the Python file with `verify(completion, answer, **columns)`, which judges completions."""
    trusted: bool = False
    """kind file: whether the file may import what it likes and do what the user can. False: it runs in the sandbox of rewards."""
    pairs: PairColumns | None = None
    """contrast: the columns of `data`. None: `query` and `positive`."""
    negatives: Count | None = None
    """contrast: the number of hard negatives of a row that count in training. None: 1."""
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

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, value: Any) -> Any:
        """A list of classes, one value of a class, one column to group by; a task of a kind is named after its data."""
        if not isinstance(value, dict):
            return value
        value, classes, group = dict(value), value.get("classes"), value.get("group")
        if isinstance(classes, list | tuple):
            value["classes"] = {str(_as_text(name)): [name] for name in classes}
        elif isinstance(classes, dict):
            value["classes"] = {
                str(_as_text(name)): found if isinstance(found, list | tuple) else [found]
                for name, found in classes.items()
            }
        if isinstance(group, str):
            value["group"] = [group]
        if value.get("kind") is not None and "name" not in value:
            value["name"] = name_of_kind(value)
        return value

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def label(self) -> str:
        """What tables call the task: its name, without the folder of a file."""
        return self.name.rpartition("/")[2]

    @property
    def code(self) -> str | None:
        """The Python file or module that a task of a kind takes from outside the package; None where there is none."""
        if self.environment is None or self.environment.endswith(".py"):
            return self.file or self.environment
        return self.environment.rpartition("/")[2].replace("-", "_")

    @property
    def rows_shown(self) -> bool:
        """Whether proposers see texts of rows."""
        return self.data is self.file is None if self.show_rows is None else self.show_rows

    def data_files(self, test: bool) -> tuple[str, ...]:
        """What the rows are read from, hub ids among it; where the test rows have a source of their own, it comes with `test`."""
        own_test = (self.test_file, self.test_data) if test else ()
        return tuple(file for file in (self.train_file, self.data, self.val_data, *own_test) if file is not None)
