"""The target `openrlhf`: `reward_func(queries, prompts, labels)`, called by position with lists of one entry.

Read in OpenRLHF 0.11.2: `openrlhf.utils.agent.SingleTurnAgentExecutor` loads the file and calls the function in a thread. A query
is prompt and completion as one text, special tokens included. An exception is logged, and the sample then has no reward.
`rewards` and `scores` become tensors of one number, and so does each value of `extra_logs`, whose keys must be the same for every
sample.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.code_reads import reads_prompt
from rewardsearch.exporters.module import MODULE
from rewardsearch.exporters.records import ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def completion_of(query, prompt):
    """What follows the prompt in a query, without special tokens. A prompt that was cut at its start is found by its end."""
    length = len(prompt)
    while length > 0:
        found = query.find(prompt[-length:])
        if found >= 0:
            return without_end(query[found + length :])
        length //= 2
    return without_end(query)


def reward_func(queries, prompts, labels, **options):
    """The weighted sum of the rewards, and each reward and component for the logs."""
    rows = [row_of(label) for label in labels]
    found = [
        ENSEMBLE.score_one(completion_of(query, prompt), row["answer"], row.get("prompt", prompt), row)
        for query, prompt, row in zip(queries, prompts, rows)
    ]
    totals = [scores["total"] for scores in found]
    logs = {f"reward/{name}": [scores[name] for scores in found] for name in found[0] if name != "total"}
    if len(found) == 1:
        return {"rewards": totals[0], "scores": totals[0], "extra_logs": {name: values[0] for name, values in logs.items()}}
    return {"rewards": totals, "scores": totals, "extra_logs": logs}
'''
_USAGE = """\
## OpenRLHF

```
python -m openrlhf.cli.train_ppo_ray --reward.remote_url {module}.py --data.label_key answer ...
```

Versions up to 0.10 call these options `--remote_rm_url` and `--label_key`. The column `answer` holds the gold answer{row}.

OpenRLHF logs an error of a reward and goes on without a reward for this sample. It stops at the next step with a message about
a missing reward. The cause is in the log, at `Failed to fetch reward`.
"""
_ROW = """,
or the text of a JSON object with `answer`, {columns}, which the rewards read. The prompt is the one in the object if
it has one. Else it is the prompt with the chat template around it, which the rewards did not see in the search"""


class Target(TrainerTarget):
    trainer = "OpenRLHF"
    gold = "label"
    calling = _CALLING
    uses = ("END_TOKENS", "row_of", "without_end")
    summary = "OpenRLHF calls reward_func for one completion at a time: set --reward.remote_url to\nthis file."
    totals = """
def totals(module, rows):
    given = []
    for row in rows:
        prompt = "<|im_start|>user\\n" + row["prompt"] + "<|im_end|>\\n<|im_start|>assistant\\n"
        label = {"answer": row["answer"], "prompt": row["prompt"], **row["columns"]}
        query = prompt + row["completion"] + "<|im_end|>"
        given.append(module.reward_func([query], [prompt], [label])["rewards"])
    return given
"""

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        read = [f"`{name}`" for name in selection.columns]
        read += ["`prompt`"] if any(reads_prompt(spec.code) for spec in selection.rewards) else []
        return _USAGE.format(module=MODULE, row=_ROW.format(columns=", ".join(read)) if read else "")
