"""The target `trl`: a module for TRL's GRPOTrainer, and for trainers with the same reward functions (Unsloth, open-r1).

TRL 0.18 to 1.16 calls a reward function by keyword, with prompts, completions and every column of the data set. Prompts and
completions are texts or chat messages. The function returns one float per completion. TRL logs it under its `__name__`, and
averages functions of the same name into one metric.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import re
import textwrap
from collections.abc import Sequence
from types import ModuleType

from rewardsearch.errors import UserError
from rewardsearch.exporters.isolate import as_factory
from rewardsearch.exporters.selection import ExportSelection
from rewardsearch.records import RewardSpec, messages
from rewardsearch.tasks import numbers
from rewardsearch.tasks.equal import texts, value

MODULE = "rewardsearch_reward"

_HEAD = '''\
"""Reward functions for TRL's GRPOTrainer: {source}, exported by rewardsearch.

Needs only the standard library. Each reward takes the prompts and completions (texts or chat messages) and the columns
of the data set, and returns one float per completion. Train with all of them:

    GRPOTrainer(..., reward_funcs=REWARD_FUNCS, args=GRPOConfig(..., {arguments}))
{one}{findings}{gold}"""
{imports}
GOLD_COLUMN = "answer"
"""The column of the data set that holds the gold answer."""
'''

_CLASSES = '''\
CLASSES = {classes!r}
"""The values that GOLD_COLUMN may have."""
'''

_GOLDS = '''\
def _golds(values):
    """The gold answers as in the search. Raises ValueError for a value that no completion can match."""
    try:
        return [gold_text(value, numeric={numeric}) for value in values]
    except ValueError as error:
        raise ValueError(f"the column {{GOLD_COLUMN!r}}: {{error}}; correct or remove such rows") from None
'''

_GOLDS_OF_TASK = '''\
def _golds(values):
    """The gold answers as in the search. Raises ValueError for a value that the search would refuse."""
    found = []
    for value in values:
        try:
            found.append({read}("" if value is None else value))
        except ValueError as error:
            raise ValueError(f"the column {{GOLD_COLUMN!r}}: the gold answer {{value!r}} {{error}}") from None
    return found
'''
_READERS: dict[str, tuple[str, tuple[ModuleType, ...]]] = {
    "number": ("gold_value", (numbers, value)),
    "text": ("gold_words", (texts,)),
}
"""What reads gold answers as a task of a user's rows does, and the modules that it is in."""

_GOLD_CLASSES = '''\
def _golds(values):
    """The gold answers as texts. Raises ValueError for a value that is not a class."""
    for gold in values:
        if str(gold) not in CLASSES:
            raise ValueError(
                f"the column {GOLD_COLUMN!r} has the value {gold!r}; allowed: {' or '.join(CLASSES)}; "
                "convert the labels of your data to these"
            )
    return [str(gold) for gold in values]
'''

_CALLING = '''\
# Arguments of the trainer that are not columns of the data set.
_NOT_COLUMNS = ("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric", "environments")


def _score(reward, prompts, completions, columns):
    """The reward of each completion: the sum of its components."""
    texts = [message_text(completion) for completion in completions]
    if columns.get(GOLD_COLUMN) is None:
        raise KeyError(f"the data set has no column {GOLD_COLUMN!r}: set GOLD_COLUMN to the column with the gold answer")
    passed = {
        name: ["" if value is None else str(value) for value in values]
        for name, values in columns.items()
        if name not in (*_NOT_COLUMNS, "answer") and isinstance(values, (list, tuple)) and len(values) == len(texts)
    }
    given = reward(
        prompts=[message_text(prompt) for prompt in prompts] if prompts is not None else [""] * len(texts),
        completions=texts,
        answer=_golds(columns[GOLD_COLUMN]),
        **passed,
    )
    if isinstance(given, dict):
        given = [sum(values) for values in zip(*given.values())]
    return [float(value) for value in given]
'''

_FUNCTION = '''\
def {function}(prompts=None, completions=(), **columns):
    """{label}, at weight {weight!r}."""
    return _score(_{function}, prompts, completions, columns)
'''

_TOTAL = '''\
def trl_reward(prompts=None, completions=(), **columns):
    """The weighted sum of all rewards."""
    totals = [0.0] * len(completions)
    for function, weight in zip(REWARD_FUNCS, REWARD_WEIGHTS):
        for i, value in enumerate(function(prompts=prompts, completions=completions, **columns)):
            totals[i] += weight * value
    return totals
'''

_ONE = """
or pass their weighted sum as one function: reward_funcs=trl_reward.
"""

_EACH = """
Each reward is normalised within its group before the sum (TRL 0.27 and later). One function cannot do this.
"""

_README = """\
# Reward functions for TRL

The rewards of {source}, exported by rewardsearch. `{module}.py` needs only the standard library.

| function | reward | weight |
|---|---|---|
{rows}

Put `{module}.py` next to your script. The data set needs a column `prompt` and a column `answer` with the gold answer
(to use another column, change `GOLD_COLUMN` at the top of the file). {needed}The rewards expect answers in the form that
the prompts of the search asked for. Ask for the same form in your prompts.
{findings}
```python
from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

from {module} import REWARD_FUNCS, REWARD_WEIGHTS

trainer = GRPOTrainer(
    model="path/or/hub-id",
    reward_funcs=REWARD_FUNCS,
    args=GRPOConfig(output_dir="out", {arguments}),
    train_dataset=load_dataset("json", data_files="train.jsonl", split="train"),
)
trainer.train()
```

{command}
"""

_IMPORTS = {
    "plain": "import re\nfrom decimal import Decimal\n",
    "number": "import re\nfrom decimal import Decimal\nfrom fractions import Fraction\n",
    "text": "import json\nimport re\nimport unicodedata\n",
}
_ARGUMENTS = {
    "sum_then_normalize": "reward_weights=REWARD_WEIGHTS",
    "normalize_then_sum": 'reward_weights=REWARD_WEIGHTS, multi_objective_aggregation="normalize_then_sum"',
}
"""Arguments of GRPOConfig by aggregation. The first is TRL's default, also in versions without the option."""

_COMMAND = (
    "From the command line: `trl grpo --reward_funcs {module}.trl_reward ...`. `trl_reward` is their weighted sum."
)
_COMMAND_EACH = (
    "In the search each reward was normalised within its group before the sum (GDPO, arXiv 2601.05242). TRL 0.27 and later can "
    "do this. Their plain sum is a different reward. From the command line: `trl grpo --reward_funcs {functions} "
    "--reward_weights {weights} --multi_objective_aggregation normalize_then_sum ...`."
)

# Names that the module uses itself, with or without a leading underscore.
_TAKEN = frozenset(
    (
        *("reward", "trl_reward", "score", "golds", "not_columns", "re"),
        *("message_text", "read_number", "number_text", "gold_number", "gold_text"),
        *("number", "gold_value", "plain", "gold_words", "json", "unicodedata"),
    )
)


class TrlExporter:
    """A module with the reward functions, and a README with the script that trains with them."""

    def files(self, selection: ExportSelection) -> dict[str, str]:
        return {f"{MODULE}.py": trl_module(selection), "README.md": trl_readme(selection)}


def trl_module(selection: ExportSelection) -> str:
    """The source of the module. Raises UserError for code that cannot be exported."""
    rewards, summed = selection.rewards, selection.aggregation == "sum_then_normalize"
    functions = function_names(rewards)
    made = [as_factory(f"_make_{f}", spec.name, spec.code) for f, spec in zip(functions, rewards, strict=True)]
    imports = ["from __future__ import annotations\n"] if any(asked for _, asked in made) else []
    imports += [] if selection.classes else [_IMPORTS[selection.golds]]
    arguments, one = _ARGUMENTS[selection.aggregation], _ONE if summed else _EACH
    gold = f"\n{_in_docstring(textwrap.fill(_gold_format(selection), 118, break_on_hyphens=False))}\n"
    parts = [
        _HEAD.format(
            source=_plain(selection.source),
            imports="".join(f"\n{each}" for each in imports),
            arguments=arguments,
            one=one,
            gold=gold,
            findings=_findings(selection),
        )
    ]
    if selection.classes:
        parts.append(_CLASSES.format(classes=selection.classes))
    for function, (factory, _) in zip(functions, made, strict=True):
        parts += [factory, f"_{function} = _make_{function}()\n"]
    if selection.classes:
        parts.append(_GOLD_CLASSES)
    else:
        parts += _reading(selection)
    parts += [_source_of(messages), _CALLING]
    for function, spec in zip(functions, rewards, strict=True):
        parts.append(_FUNCTION.format(function=function, label=_plain(f"{spec.name} ({spec.id})"), weight=spec.weight))
    parts.append(f"REWARD_FUNCS = [{', '.join(functions)}]\nREWARD_WEIGHTS = {[spec.weight for spec in rewards]!r}\n")
    if summed:
        parts.append(_TOTAL)
    text = "\n\n".join(parts)
    try:
        compile(text, f"{MODULE}.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UserError(
            f"{selection.source} cannot be exported: a reward does not stand inside a function ({error.msg})"
        ) from None
    return text


def _reading(selection: ExportSelection) -> list[str]:
    """What reads gold answers that are no classes."""
    if selection.golds == "plain":
        return [_source_of(numbers), _GOLDS.format(numeric=selection.numeric)]
    read, modules = _READERS[selection.golds]
    return [*map(_source_of, modules), _GOLDS_OF_TASK.format(read=read)]


def _source_of(module: ModuleType) -> str:
    """The text of a module of the package without docstring and imports, so that the exported one reads as the search did."""
    text = inspect.getsource(module)
    first = next(node for node in ast.parse(text).body if isinstance(node, ast.Assign | ast.FunctionDef))
    return "\n".join(text.split("\n")[first.lineno - 1 :])


def trl_readme(selection: ExportSelection) -> str:
    """What the module contains, and a script that trains with it."""
    functions = function_names(selection.rewards)
    rows = "\n".join(
        f"| `{function}` | {_plain(spec.name)} ({_plain(spec.id)}) | {spec.weight:.4g} |"
        for function, spec in zip(functions, selection.rewards, strict=True)
    )
    command = _COMMAND if selection.aggregation == "sum_then_normalize" else _COMMAND_EACH
    return _README.format(
        source=_plain(selection.source),
        module=MODULE,
        rows=rows,
        arguments=_ARGUMENTS[selection.aggregation],
        needed=_needed(selection),
        findings=_findings(selection),
        command=command.format(
            module=MODULE,
            functions=" ".join(f"{MODULE}.{function}" for function in functions),
            weights=" ".join(f"{spec.weight!r}" for spec in selection.rewards),
        ),
    )


def _findings(selection: ExportSelection) -> str:
    """What the test of the search says about the rewards, as a paragraph after an empty line."""
    text = re.sub(r"[^A-Za-z0-9 .,:;()+=/_\[\]<>%-]+", " ", " ".join(selection.test_findings))
    # An interval stays on one line.
    held = re.sub(r"(\[\S+,) (\S+\])", "\\1\0\\2", text)
    return f"\n{textwrap.fill(held, 118)}\n".replace("\0", " ") if text else ""


def _needed(selection: ExportSelection) -> str:
    """What these rewards need besides prompt and answer, in sentences."""
    text = f"{_gold_format(selection)} "
    if selection.columns:
        names = " and ".join(f"`{name}`" for name in selection.columns)
        text += f"The rewards also read the column{'s' if len(selection.columns) > 1 else ''} {names}. "
    if selection.sft_adapter is not None:
        text += (
            "They were found for a policy after supervised fine-tuning: start from the same fine-tuned adapter "
            f"(`{selection.sft_adapter}` among the runs of the search). "
        )
    return text


def _gold_format(selection: ExportSelection) -> str:
    """How gold answers are written, in sentences."""
    if selection.classes is None and selection.golds == "text":
        return "A gold answer is a text; the rewards see it as it is."
    if selection.classes is None:
        text = "" if selection.numeric else "another text, "
        return (
            f"A gold answer is a number, its text, {text}or a whole solution that ends in `#### number`, as in `openai/gsm8k`; "
            "the rewards see only the number of a solution. Any other value is an error."
        )
    names = selection.classes
    text = f"Gold answers are written {' or '.join(names)}; any other value is an error."
    if selection.labels:
        meant = [f"{' and '.join(map(repr, values))} for {name}" for name, values in selection.labels.items()]
        text += (
            f" In the data of the search the column {selection.label_column!r} had {', '.join(meant)}: convert these to the "
            "classes."
        )
    return text


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def function_names(rewards: Sequence[RewardSpec]) -> list[str]:
    """A distinct Python name for each reward, after its own."""
    found: list[str] = []
    for spec in rewards:
        name = re.sub(r"[^a-zA-Z0-9]+", "_", spec.name).strip("_").lower() or "reward"
        if (
            name[0].isdigit()
            or keyword.iskeyword(name)
            or hasattr(builtins, name)
            or name in _TAKEN
            or name.startswith("make_")
        ):
            name = f"reward_{name}"
        number, stem = 2, name
        while name in found:
            name, number = f"{stem}_{number}", number + 1
        found.append(name)
    return found


def _plain(text: str) -> str:
    """Text that is safe inside a docstring or a table, whatever a proposer called its reward."""
    return re.sub(r"[^A-Za-z0-9 .,:;()+=/_-]+", " ", text).strip()
