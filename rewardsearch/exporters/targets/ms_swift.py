"""The target `ms-swift`: classes in `swift.rewards.orms`, called with completions and the columns of the data as keywords.

Read in ms-swift 4.6.0: `--external_plugins` imports the file, `orms[name](args=...)` makes the reward, and
`swift.rl_core.grpo_algorithm.compute_rewards_per_func` calls it. Completions are texts. There is no column with the prompt;
`messages` holds the conversation, the completion last.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.module import MODULE, label
from rewardsearch.exporters.records import SUMMED, ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def _prompt_of(messages):
    """The last message of the user."""
    return next((item for item in reversed(messages) if item.get("role") == "user"), "")


def _scores(names, completions, columns):
    messages = columns.get("messages")
    prompts = None if messages is None else [_prompt_of(each) for each in messages]
    return ENSEMBLE.score(completions, gold_of(columns, GOLD_COLUMN), prompts, columns, names)
'''
_CLASS = '''\
class {title}:
    """{label}, at weight {weight!r}."""

    def __init__(self, args=None, **options):
        self.args = args

    def __call__(self, completions, **columns):
        return _scores(({name!r},), completions, columns)[{name!r}]
'''
_TOTAL = '''\
class RewardsearchTotal:
    """The weighted sum of all rewards."""

    def __init__(self, args=None, **options):
        self.args = args

    def __call__(self, completions, **columns):
        return _scores(None, completions, columns)["total"]
'''
_REGISTER = """\
REWARDS_BY_KEY = {{
{keys}
}}
try:
    from swift.rewards import orms
except ImportError:
    try:
        from swift.plugin import orms  # ms-swift 3
    except ImportError:
        orms = {{}}  # Outside ms-swift, as in the tests.
orms.update(REWARDS_BY_KEY)
"""
_USAGE = """\
## ms-swift

```
swift rlhf --rlhf_type grpo --external_plugins {module}.py \\
    --reward_funcs {keys} \\
    --reward_weights {weights} \\
{each}    ...
```
{one}
Rows have `messages` (the prompt) and `answer`: `{{"messages": [{{"role": "user", "content": "..."}}], "answer": "7"}}`.
Without `messages`, ms-swift takes a column `answer` or `solution` for the response. A column `solution` or `ground_truth`
is read where there is no `answer`.
"""


class Target(TrainerTarget):
    trainer = "ms-swift"
    calling = _CALLING + _TOTAL + "\n\nREWARDS_BY_KEY = orms = {}\n"
    uses = ("GOLD_COLUMNS", "gold_of")
    whole_batches = True
    normalises_each = True
    summary = "Pass this file to swift with --external_plugins, and the keys of REWARDS_BY_KEY as\n--reward_funcs."
    totals = """
def totals(module, rows):
    columns = {name: [row["columns"][name] for row in rows] for name in rows[0]["columns"]}
    columns["messages"] = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}] for row in rows
    ]
    call = {"trainer_state": None, "answer": [row["answer"] for row in rows], **columns}
    completions = [row["completion"] for row in rows]
    given = {}
    for name, reward in module.REWARDS.items():
        made = module.REWARDS_BY_KEY[f"rewardsearch_{name}"](args=None)
        given[name] = [reward.weight * value for value in made(completions, **call)]
    return [sum(values) for values in zip(*given.values())]
"""

    def calling_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        rewards = list(zip(names, selection.rewards, strict=True))
        parts = [_CALLING]
        parts += [
            _CLASS.format(title=_title(name), name=name, label=label(spec), weight=spec.weight)
            for name, spec in rewards
        ]
        keys = [f'    "rewardsearch_{name}": {_title(name)},' for name in names]
        if selection.aggregation == SUMMED:
            parts.append(_TOTAL)
            keys.append('    "rewardsearch": RewardsearchTotal,')
        return "\n\n".join([*parts, _REGISTER.format(keys="\n".join(keys))])

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        summed = selection.aggregation == SUMMED
        return _USAGE.format(
            module=MODULE,
            keys=" ".join(f"rewardsearch_{name}" for name in names),
            weights=" ".join(repr(spec.weight) for spec in selection.rewards),
            each="" if summed else "    --scale_rewards gdpo \\\n",
            one="\nOr their weighted sum as one reward: `--reward_funcs rewardsearch`.\n" if summed else "",
        )


def _title(name: str) -> str:
    return "Rewardsearch" + "".join(part.title() for part in name.split("_")) + "Reward"
