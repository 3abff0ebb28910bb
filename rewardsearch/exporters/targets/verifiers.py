"""The target `verifiers`: an async function of task and trace that a config names, and functions for `vf.Rubric` before 0.4.

Read in verifiers 0.4.0: `Task.hooks` loads `path/to/file.py:function` from the config (`load_plugged_fn`), and `Task.score`
awaits it with the arguments that its signature names. A mapping is recorded as one reward for each key. `task` is the task's
data, a model with `prompt` and the fields of its class; `trace` is the rollout. Up to 0.3, `vf.Rubric` calls a function with
those of `completion`, `answer`, `prompt`, `info` and `state` that its signature names. Messages are models of pydantic, or dicts.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.module import MODULE, label
from rewardsearch.exporters.records import ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def _plain(message):
    """A message or prompt as a text or dict."""
    if isinstance(message, (str, dict)):
        return message
    if isinstance(message, (list, tuple)):
        return [_plain(each) for each in message]
    return message.model_dump()


def _scores(task, trace):
    """The values of a rollout: of its last message."""
    columns, replies = dict(task), trace.assistant_messages
    completion = _plain(replies[-1]) if replies else ""
    prompt = columns.get("prompt")
    return ENSEMBLE.score_one(
        completion, gold_of(columns, GOLD_COLUMN), None if prompt is None else _plain(prompt), columns
    )


async def rewardsearch(task, trace):
    """Each reward at its weight. verifiers adds them up."""
    scores = _scores(task, trace)
    return {name: reward.weight * scores[name] for name, reward in REWARDS.items()}


async def rewardsearch_components(task, trace):
    """The components of the rewards, as metrics."""
    return {name: value for name, value in _scores(task, trace).items() if "/" in name}


def _rubric_score(name, completion, answer, prompt, info):
    """The value of one reward, for vf.Rubric."""
    columns = info if isinstance(info, dict) else {}
    asked = None if prompt is None else _plain(prompt)
    return ENSEMBLE.score_one(_plain(completion), answer, asked, columns, (name,))[name]
'''
_FUNCTION = '''\
def {function}(completion, answer, prompt=None, info=None, **options):
    """{label}, at weight {weight!r}, for vf.Rubric."""
    return _rubric_score({function!r}, completion, answer, prompt, info)
'''
_USAGE = """\
## verifiers 0.4 and later

Name the function in the config of the task set:

```toml
[env.taskset.task.rewards.rewardsearch]
fn = "{module}.py:rewardsearch"

[env.taskset.task.metrics.rewardsearch_components]
fn = "{module}.py:rewardsearch_components"
```

or on the command line, `--env.taskset.task.rewards.rewardsearch.fn {module}.py:rewardsearch`. The data of a
task has a field `answer` with the gold answer (`solution` and `ground_truth` are read where there is none){columns}.
The rewards of the task's own class are still paid.

## verifiers up to 0.3

```python
import verifiers as vf

from {module} import REWARD_FUNCS, REWARD_WEIGHTS

rubric = vf.Rubric(funcs=REWARD_FUNCS, weights=REWARD_WEIGHTS)
```
{info}
verifiers records an error of a reward in the rollout or in its log, and goes on: look for it there.
"""


class Target(TrainerTarget):
    trainer = "verifiers"
    calling = _CALLING
    uses = ("GOLD_COLUMNS", "gold_of")
    summary = """\
Name the function rewardsearch in the config of a task set (verifiers 0.4), or pass
REWARD_FUNCS to vf.Rubric (up to 0.3)."""
    totals = '''
class Data:
    """The data of a task. In verifiers it is a model of pydantic, which iterates over its fields as this does."""

    def __init__(self, **fields):
        self.fields = fields

    def __iter__(self):
        return iter(self.fields.items())


class Trace:
    def __init__(self, completion):
        self.assistant_messages = [{"role": "assistant", "content": completion}]


def totals(module, rows):
    import asyncio

    given = []
    for row in rows:
        data = Data(answer=row["answer"], prompt=row["prompt"], **row["columns"])
        given.append(sum(asyncio.run(module.rewardsearch(data, Trace(row["completion"]))).values()))
    return given
'''

    def calling_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        rewards = list(zip(names, selection.rewards, strict=True))
        parts = [_FUNCTION.format(function=name, label=label(spec), weight=spec.weight) for name, spec in rewards]
        weights = [spec.weight for spec in selection.rewards]
        return "\n\n".join([_CALLING, *parts, f"REWARD_FUNCS = [{', '.join(names)}]\nREWARD_WEIGHTS = {weights!r}\n"])

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        read = ", ".join(f"`{name}`" for name in selection.columns)
        columns = f", and {read}, which the rewards read" if read else ""
        info = f"\nPut {read} into the dict `info` of a row.\n" if read else ""
        return _USAGE.format(module=MODULE, columns=columns, info=info)
