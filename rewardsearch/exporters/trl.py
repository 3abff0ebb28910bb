"""The module for TRL's GRPOTrainer, and what else calls rewards its way (Unsloth, open-r1).

What TRL asks for, from 0.18 to 1.16: a plain function called by keyword with prompts, completions and every column of
the data set, as texts or as chat messages, that returns one float a completion. Its `__name__` is the metric's name;
equal names are averaged into one.
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
from rewardsearch.exporters.choose import Choice
from rewardsearch.exporters.isolate import as_factory
from rewardsearch.records import RewardSpec, messages
from rewardsearch.tasks import numbers

_HEAD = '''\
"""Reward functions for TRL's GRPOTrainer: {source}, exported by rewardsearch.

Needs the standard library alone. Each reward takes the prompts and completions (texts or chat messages) and the columns
of the data set, and gives one float a completion. Train with all of them:

    GRPOTrainer(..., reward_funcs=REWARD_FUNCS, args=GRPOConfig(..., {arguments}))
{one}{said}{gold}"""
{imports}
GOLD_COLUMN = "answer"
"""The column of the data set that holds the gold answer."""
'''

_CLASSES = '''\
CLASSES = {classes!r}
"""The values that GOLD_COLUMN can have, each written so."""
'''

_GOLDS = '''\
def _golds(values):
    """The gold answers as the rewards of the search saw them. Raises ValueError for one that no completion could ever match."""
    try:
        return [gold_text(value, numeric={numeric}) for value in values]
    except ValueError as error:
        raise ValueError(f"the column {{GOLD_COLUMN!r}}: {{error}}; correct or leave out such rows") from None
'''

_GOLD_CLASSES = '''\
def _golds(values):
    """The gold answers, as texts. Raises ValueError for one that is no class: no completion would ever be right."""
    for gold in values:
        if str(gold) not in CLASSES:
            raise ValueError(
                f"the column {GOLD_COLUMN!r} has the value {gold!r}; allowed: {' or '.join(CLASSES)}: "
                "write the labels of your data as these"
            )
    return [str(gold) for gold in values]
'''

_CALLING = '''\
# What a trainer passes beside the data set's columns.
_NOT_COLUMNS = ("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric", "environments")


def _score(reward, prompts, completions, columns):
    """The reward of each completion, named components added up."""
    texts = [message_text(completion) for completion in completions]
    if columns.get(GOLD_COLUMN) is None:
        raise KeyError(f"the data set has no column {GOLD_COLUMN!r}: name the one with the gold answer in GOLD_COLUMN")
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
or with their weighted sum as one function: reward_funcs=trl_reward.
"""

_EACH = """
Each reward is normalised within its group before the sum (TRL 0.27 and later), which no single function can do.
"""

_README = """\
# Reward functions for TRL

{Source}, exported by rewardsearch. `{module}.py` imports with the standard library alone.

| function | reward | weight |
|---|---|---|
{rows}

Put `{module}.py` beside your script. The data set needs a column `prompt` and a column `answer` with the gold answer
(`GOLD_COLUMN` at the top of the file gives it another name). {needed}The rewards judge the form of answer that
the prompts of the search asked for: ask for the same form in yours.
{said}
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

_ARGUMENTS = {
    "sum_then_normalize": "reward_weights=REWARD_WEIGHTS",
    "normalize_then_sum": 'reward_weights=REWARD_WEIGHTS, multi_objective_aggregation="normalize_then_sum"',
}
"""What a GRPOConfig is given, by aggregation; the first is TRL's default, in versions too that have no name for it."""

_COMMAND = (
    "From the command line: `trl grpo --reward_funcs {module}.trl_reward ...`; `trl_reward` is the weighted sum of all."
)
_COMMAND_EACH = (
    "These rewards were trained with each one normalised within its group before the sum (GDPO, arXiv 2601.05242), which TRL "
    "does from 0.27 on; their plain sum is another reward. From the command line: `trl grpo --reward_funcs {functions} "
    "--reward_weights {weights} --multi_objective_aggregation normalize_then_sum ...`."
)

# Names that the module has for itself, with or without an underscore before them.
_TAKEN = frozenset(
    (
        *("reward", "trl_reward", "score", "golds", "not_columns", "re"),
        *("message_text", "read_number", "number_text", "gold_number", "gold_text"),
    )
)


def trl_module(choice: Choice) -> str:
    """The source of the module, the same for the same choice. Raises UserError for code that cannot be exported."""
    rewards, summed = choice.rewards, choice.aggregation == "sum_then_normalize"
    functions = function_names(rewards)
    made = [as_factory(f"_make_{f}", spec.name, spec.code) for f, spec in zip(functions, rewards, strict=True)]
    imports = ["from __future__ import annotations\n"] if any(asked for _, asked in made) else []
    imports += [] if choice.classes else ["import re\nfrom decimal import Decimal\n"]
    arguments, one = _ARGUMENTS[choice.aggregation], _ONE if summed else _EACH
    gold = f"\n{_in_docstring(textwrap.fill(_written(choice), 118, break_on_hyphens=False))}\n"
    parts = [
        _HEAD.format(
            source=_plain(choice.source),
            imports="".join(f"\n{each}" for each in imports),
            arguments=arguments,
            one=one,
            gold=gold,
            said=_said(choice),
        )
    ]
    if choice.classes:
        parts.append(_CLASSES.format(classes=choice.classes))
    for function, (factory, _) in zip(functions, made, strict=True):
        parts += [factory, f"_{function} = _make_{function}()\n"]
    if choice.classes:
        parts.append(_GOLD_CLASSES)
    else:
        parts += [_source_of(numbers), _GOLDS.format(numeric=choice.numeric)]
    parts += [_source_of(messages), _CALLING]
    for function, spec in zip(functions, rewards, strict=True):
        parts.append(_FUNCTION.format(function=function, label=_plain(f"{spec.name} ({spec.id})"), weight=spec.weight))
    parts.append(f"REWARD_FUNCS = [{', '.join(functions)}]\nREWARD_WEIGHTS = {[spec.weight for spec in rewards]!r}\n")
    if summed:
        parts.append(_TOTAL)
    text = "\n\n".join(parts)
    try:
        compile(text, "rewardsearch_reward.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UserError(
            f"{choice.source} cannot be exported: a reward does not stand inside a function ({error.msg})"
        ) from None
    return text


def _source_of(module: ModuleType) -> str:
    """The text of a module of the package without docstring and imports, so that the exported one reads as the search did."""
    text = inspect.getsource(module)
    first = next(node for node in ast.parse(text).body if isinstance(node, ast.Assign | ast.FunctionDef))
    return "\n".join(text.split("\n")[first.lineno - 1 :])


def trl_readme(choice: Choice, module: str) -> str:
    """What the module is and the script that trains with it."""
    functions = function_names(choice.rewards)
    rows = "\n".join(
        f"| `{function}` | {_plain(spec.name)} ({_plain(spec.id)}) | {spec.weight:.4g} |"
        for function, spec in zip(functions, choice.rewards, strict=True)
    )
    command = _COMMAND if choice.aggregation == "sum_then_normalize" else _COMMAND_EACH
    source = _plain(choice.source)
    return _README.format(
        Source=source[:1].upper() + source[1:],
        module=module,
        rows=rows,
        arguments=_ARGUMENTS[choice.aggregation],
        needed=_needed(choice),
        said=_said(choice),
        command=command.format(
            module=module,
            functions=" ".join(f"{module}.{function}" for function in functions),
            weights=" ".join(f"{spec.weight!r}" for spec in choice.rewards),
        ),
    )


def _said(choice: Choice) -> str:
    """What the search's test says of the rewards, as a paragraph after an empty line; empty where nothing is known."""
    text = re.sub(r"[^A-Za-z0-9 .,:;()+=/_\[\]<>%-]+", " ", " ".join(choice.said))
    # An interval stays on one line.
    held = re.sub(r"(\[\S+,) (\S+\])", "\\1\0\\2", text)
    return f"\n{textwrap.fill(held, 118)}\n".replace("\0", " ") if text else ""


def _needed(choice: Choice) -> str:
    """What these rewards need beyond prompt and answer, in sentences."""
    told = f"{_written(choice)} "
    if choice.columns:
        names = " and ".join(f"`{name}`" for name in choice.columns)
        told += f"The rewards read the column{'s' if len(choice.columns) > 1 else ''} {names} as well. "
    if choice.tuned is not None:
        told += (
            "They were found for a policy after supervised fine-tuning: start from the like of it "
            f"(the search's own adapter is in `{choice.tuned}`). "
        )
    return told


def _written(choice: Choice) -> str:
    """How gold answers are written, in sentences."""
    if choice.classes is None:
        text = "" if choice.numeric else "another text, "
        return (
            f"A gold answer is a number, its text, {text}or a whole solution that ends in `#### number`, as in `openai/gsm8k`, "
            "of which the rewards see the number alone. Any other value is an error."
        )
    names = choice.classes
    told = f"Gold answers are written {' or '.join(names)}; any other value is an error."
    if choice.labels:
        meant = [f"{' and '.join(map(repr, values))} for {name}" for name, values in choice.labels.items()]
        told += f" In the search's data the column {choice.label_column!r} had {', '.join(meant)}: write these as the classes."
    return told


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
