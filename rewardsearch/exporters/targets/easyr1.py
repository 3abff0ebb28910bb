"""The target `easyr1`: `f(reward_inputs)` with all completions of a batch, a dict each, that returns a dict with `overall` each.

Read in EasyR1 at b44b311: `verl.workers.reward.function.AutoRewardManager` loads `file.py:function`, reads REWARD_NAME and
REWARD_TYPE, and passes `response`, `response_length` and `ground_truth`. There are no prompts and no further columns.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.code_reads import reads_prompt
from rewardsearch.exporters.module import MODULE
from rewardsearch.exporters.records import ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
REWARD_NAME = "rewardsearch"
REWARD_TYPE = "batch"


def compute_score(reward_inputs, **options):
    """For each completion the weighted sum as `overall`, and each reward and component by its name."""
    rows = [row_of(each["ground_truth"]) for each in reward_inputs]
    prompts = [row["prompt"] for row in rows] if all("prompt" in row for row in rows) else None
    columns = {name: [row.get(name) for row in rows] for name in rows[0] if name != "answer"} if rows else {}
    scores = ENSEMBLE.score(
        [each["response"] for each in reward_inputs], [row["answer"] for row in rows], prompts, columns
    )
    scores = {"overall": scores.pop("total"), **scores}
    return [{name: values[i] for name, values in scores.items()} for i in range(len(rows))]
'''
_USAGE = """\
## EasyR1

```yaml
worker:
  reward:
    reward_function: ./{module}.py:compute_score
```

`data.answer_key` names the column with the gold answer{row}.
"""
_ROW = """. These rewards also read {columns}, which EasyR1 does not pass. So this column holds an
object, or its JSON text, with `answer`, {columns}"""


class Target(TrainerTarget):
    trainer = "EasyR1"
    gold = "ground_truth"
    calling = _CALLING
    uses = ("row_of",)
    whole_batches = True
    has_prompts = False
    summary = f"Set worker.reward.reward_function to {MODULE}.py:compute_score."
    totals = """
def totals(module, rows):
    inputs = [
        {
            "response": row["completion"],
            "response_length": len(row["completion"]),
            "ground_truth": {"answer": row["answer"], "prompt": row["prompt"], **row["columns"]},
        }
        for row in rows
    ]
    return [scores["overall"] for scores in module.compute_score(inputs)]
"""

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        read = [f"`{name}`" for name in selection.columns]
        read += ["`prompt`"] if any(reads_prompt(spec.code) for spec in selection.rewards) else []
        return _USAGE.format(module=MODULE, row=_ROW.format(columns=", ".join(read)) if read else "")
