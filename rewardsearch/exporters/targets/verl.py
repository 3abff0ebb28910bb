"""The target `verl`: one function that is called by keyword for one completion at a time, and returns a dict with `score`.

Read in verl 0.9.1: `verl.trainer.ppo.reward.get_custom_reward_fn` loads it, `NaiveRewardManager.run_single` calls it in a thread.
Further keys of the dict are logged and must be the same for every completion; the estimator `gdpo` normalises them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.module import MODULE
from rewardsearch.exporters.records import SUMMED, ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def compute_score(data_source=None, solution_str="", ground_truth=None, extra_info=None, **options):
    """The weighted sum as `score`, and each reward and component by its name."""
    columns = extra_info or {}
    scores = ENSEMBLE.score_one(solution_str, ground_truth, columns.get("prompt"), columns)
    return {"score": scores.pop("total"), **scores}
'''
_USAGE = """\
## verl

```
python -m verl.trainer.main_ppo \\
    reward.custom_reward_function.path={module}.py \\
    reward.custom_reward_function.name=compute_score \\
{each}    ...
```

Older versions have these two keys without `reward.`. The gold answer is `reward_model.ground_truth` of a row of the Parquet
file. Put what the rewards read besides into the row's `extra_info`: {columns}.
"""


class Target(TrainerTarget):
    trainer = "verl"
    gold = "ground_truth"
    calling = _CALLING
    normalises_each = True
    has_prompts = False
    summary = "verl calls compute_score for one completion at a time: set\nreward.custom_reward_function.path and name."
    totals = """
def totals(module, rows):
    return [
        module.compute_score(
            data_source="demo",
            solution_str=row["completion"],
            ground_truth=row["answer"],
            extra_info={**row["columns"], "prompt": row["prompt"], "num_turns": None},
        )["score"]
        for row in rows
    ]
"""

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        each = ""
        if selection.aggregation != SUMMED:
            weights = ", ".join(repr(spec.weight) for spec in selection.rewards)
            each = (
                "    algorithm.adv_estimator=gdpo reward.reward_manager.name=gdpo \\\n"
                f"    'algorithm.gdpo_reward_keys=[{', '.join(names)}]' \\\n"
                f"    'algorithm.gdpo_reward_weights=[{weights}]' \\\n"
            )
        columns = ", ".join(f"`{name}`" for name in ("prompt", *selection.columns))
        return _USAGE.format(module=MODULE, each=each, columns=columns)
