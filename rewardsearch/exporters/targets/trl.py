"""The target `trl`: TRL's GRPOTrainer, and trainers with the same reward functions (Unsloth, open-r1).

TRL 0.18 to 1.16 calls a reward function by keyword, with prompts, completions and every column of the data set. Prompts and
completions are texts or chat messages. The function returns one float per completion. TRL logs it under its `__name__`, and
averages functions of the same name into one metric.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.measures import MEASURES, measures_module
from rewardsearch.exporters.module import MODULE, label
from rewardsearch.exporters.records import SUMMED, ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def _scores(names, prompts, completions, columns):
    """The values of each completion. Components are logged where TRL takes them."""
    golds = gold_of(columns, GOLD_COLUMN)
    scores = ENSEMBLE.score(completions, golds, prompts, columns, names)
    log_metric = columns.get("log_metric")
    for name, values in scores.items():
        if "/" in name and values and callable(log_metric):
            log_metric(f"rewards/{name}/mean", sum(values) / len(values))
    return scores
'''
_FUNCTION = '''\
def {function}(prompts=None, completions=(), **columns):
    """{label}, at weight {weight!r}."""
    return _scores(({function!r},), prompts, completions, columns)[{function!r}]
'''
_TOTAL = '''\
def trl_reward(prompts=None, completions=(), **columns):
    """The weighted sum of all rewards."""
    return _scores(None, prompts, completions, columns)["total"]
'''

_SUMMARY = """\
Each function takes prompts, completions (texts or chat messages) and the columns of the
data set, and returns one float per completion. Train with all of them:

    GRPOTrainer(
        ..., reward_funcs=REWARD_FUNCS, args=GRPOConfig(..., {arguments})
    )

{one}"""
_ONE = "or pass their weighted sum as one function: reward_funcs=trl_reward."
_EACH = """Each reward is normalised within its group before the sum (TRL 0.27 and later). One
function cannot do this."""

_USAGE = """\
## TRL

Put `{module}.py` next to your script. The data set needs a column `prompt` and a column `answer` with the gold
answer; a column `solution` or `ground_truth` is read where there is no `answer`. For another name, change `GOLD_COLUMN` in
the file.

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

## Unsloth

Import unsloth first, load the model with `FastLanguageModel.from_pretrained` and `get_peft_model`, and pass it as `model`
to the same `GRPOTrainer`.{unsloth}

## open-r1

Its data sets call the gold answer `solution`, which the module reads. In `src/open_r1/rewards.py` add

```python
from {module} import REWARD_FUNCS

REWARD_FUNCS_REGISTRY.update({{function.__name__: function for function in REWARD_FUNCS}})
```

after the registry in `get_reward_funcs`. In the recipe set `reward_funcs: [{names}]` and `reward_weights: {weights}`.
"""
_MEASURED = """\
## TRL

The rewards read numbers that the policy in training measures of each completion. `{measures}.py` measures them as the search
did, with torch and transformers alone. Put it and `{module}.py` next to your script.

```python
from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

from {measures} import Measures
from {module} import REWARD_FUNCS, REWARD_WEIGHTS

measures = Measures(negatives={negatives})
trainer = GRPOTrainer(
    model="path/or/hub-id",
    reward_funcs=measures.rewards(REWARD_FUNCS),
    args=GRPOConfig(output_dir="out", {arguments}),
    train_dataset=load_dataset("json", data_files="train.jsonl", split="train"),
)
measures.attach(trainer)
trainer.train()
```

The data set needs these columns: `prompt` (a text that contains the positive, or messages that end with it), `answer` (the
query), `positive`, `negatives` (hard negatives, one a line; may be empty). A column `group` is used where there is one: texts
of rows of one group are never each other's negatives. A prompt that is a text is embedded as a whole; of messages the last one
is, without an instruction before it. Train in one process, or with all completions of a prompt in one.
Some columns compare with the other prompts of a step, so use as many prompts a step as the search did.
"""
_COMMAND = """\
From the command line, with their weighted sum as one function:

```
trl grpo --reward_funcs {module}.trl_reward ...
```"""
_COMMAND_EACH = """\
In the search each reward was normalised within its group before the sum (GDPO, arXiv 2601.05242). TRL 0.27 and later can do
this. Their plain sum is a different reward. From the command line:

```
trl grpo --reward_funcs {functions} --reward_weights {weights} --multi_objective_aggregation normalize_then_sum ...
```"""
_ARGUMENTS = {
    "sum_then_normalize": "reward_weights=REWARD_WEIGHTS",
    "normalize_then_sum": 'reward_weights=REWARD_WEIGHTS, multi_objective_aggregation="normalize_then_sum"',
}
"""Arguments of GRPOConfig by aggregation. The first is TRL's default, also in versions without the option."""


class Target(TrainerTarget):
    """A module with the reward functions, and a README with the script that trains with them."""

    trainer = "TRL, Unsloth and open-r1"
    calling = _CALLING + _TOTAL
    uses = ("GOLD_COLUMNS", "gold_of")
    whole_batches = True
    normalises_each = True
    takes_measured = True
    totals = """
def totals(module, rows):
    columns = {name: [row["columns"][name] for row in rows] for name in rows[0]["columns"]}
    call = {"answer": [row["answer"] for row in rows], "trainer_state": None, **columns}
    call["prompts"] = [[{"role": "user", "content": row["prompt"]}] for row in rows]
    call["completions"] = [[{"role": "assistant", "content": row["completion"]}] for row in rows]
    given = [function(**call) for function in module.REWARD_FUNCS]
    return [sum(weight * value for weight, value in zip(module.REWARD_WEIGHTS, values)) for values in zip(*given)]
"""

    def files(self, selection: ExportSelection) -> dict[str, str]:
        measures = {f"{MEASURES}.py": measures_module(selection.negatives)} if selection.measured else {}
        return {**super().files(selection), **measures}

    def summary_for(self, selection: ExportSelection) -> str:
        one = _ONE if selection.aggregation == SUMMED else _EACH
        return _SUMMARY.format(arguments=_ARGUMENTS[selection.aggregation], one=one)

    def calling_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        rewards = list(zip(names, selection.rewards, strict=True))
        parts = [_CALLING]
        parts += [_FUNCTION.format(function=name, label=label(spec), weight=spec.weight) for name, spec in rewards]
        weights = [spec.weight for spec in selection.rewards]
        parts.append(f"REWARD_FUNCS = [{', '.join(names)}]\nREWARD_WEIGHTS = {weights!r}\n")
        return "\n\n".join([*parts, *([_TOTAL] if selection.aggregation == SUMMED else [])])

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        if selection.measured:
            return _MEASURED.format(
                measures=MEASURES,
                module=MODULE,
                negatives=selection.negatives,
                arguments=_ARGUMENTS[selection.aggregation],
            )
        summed = selection.aggregation == SUMMED
        weights = [spec.weight for spec in selection.rewards]
        command = (_COMMAND if summed else _COMMAND_EACH).format(
            module=MODULE,
            functions=" ".join(f"{MODULE}.{name}" for name in names),
            weights=" ".join(map(repr, weights)),
        )
        return _USAGE.format(
            module=MODULE,
            arguments=_ARGUMENTS[selection.aggregation],
            command=command,
            unsloth=" Versions that hold TRL before 0.27 cannot train with these rewards." if not summed else "",
            names=", ".join(names),
            weights=weights,
        )
