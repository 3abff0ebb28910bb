"""The target `slime`: `async def f(args, sample)`, awaited for one sample, or for a group of samples with --group-rm.

Read in slime at 624b824: `slime.rollout.rm_hub.async_rm` imports `module.function` (`slime.utils.misc.load_function`). A sample
has `prompt`, `response`, `label` and the dict `metadata`. The response keeps the special tokens that end it, unless
--rollout-skip-special-tokens is set. The prompt has the chat template around it with --apply-chat-template.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewardsearch.exporters.module import MODULE
from rewardsearch.exporters.records import ExportSelection
from rewardsearch.exporters.target import TrainerTarget

_CALLING = '''\
def scores_of(sample):
    """The values of one sample: `total`, each reward and its components by name."""
    columns = sample.metadata if isinstance(sample.metadata, dict) else {}
    prompt = columns.get("prompt", sample.prompt)
    return ENSEMBLE.score_one(without_end(sample.response), sample.label, prompt, columns)


async def rewardsearch(args, sample, **options):
    """The weighted sum of the rewards; with --group-rm a list of them."""
    if isinstance(sample, list):
        return [scores_of(each)["total"] for each in sample]
    return scores_of(sample)["total"]


async def rewardsearch_named(args, sample, **options):
    """All values by name. Set --reward-key total and --eval-reward-key total."""
    if isinstance(sample, list):
        return [scores_of(each) for each in sample]
    return scores_of(sample)
'''
_USAGE = """\
## slime

Put `{module}.py` where Python finds it (`PYTHONPATH`), and set

```
--custom-rm-path {module}.rewardsearch --label-key answer
```

`{module}.rewardsearch_named` with `--reward-key total --eval-reward-key total` keeps the value of each
reward in the samples. The column `answer` holds the gold answer. Put what the rewards read besides into `metadata`:
{columns}. Without a `prompt` there, the rewards see the prompt that slime has, with the chat template around it
if `--apply-chat-template` is set.
"""


class Target(TrainerTarget):
    trainer = "slime"
    gold = "label"
    calling = _CALLING
    uses = ("END_TOKENS", "without_end")
    has_prompts = False
    summary = f"Set --custom-rm-path {MODULE}.rewardsearch."
    totals = """
class Sample:
    def __init__(self, row):
        self.prompt, self.response, self.label = row["prompt"], row["completion"] + "<|im_end|>", row["answer"]
        self.metadata = dict(row["columns"])


def totals(module, rows):
    import asyncio

    return [asyncio.run(module.rewardsearch(None, Sample(row))) for row in rows]
"""

    def usage_for(self, selection: ExportSelection, names: Sequence[str]) -> str:
        columns = ", ".join(f"`{name}`" for name in ("prompt", *selection.columns))
        return _USAGE.format(module=MODULE, columns=columns)
