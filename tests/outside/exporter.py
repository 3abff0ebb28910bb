"""An exporter for a trainer of your own, as one file outside the package:

    rewardsearch export RUN --to exporter.py:LinesExporter -o out

This trainer calls one function with a row of its JSON Lines file and the completion in it.
"""

from __future__ import annotations

from rewardsearch.exporters import TrainerTarget

CALLING = '''
def reward_of(row):
    """The weighted sum of the rewards for row["completion"]."""
    return ENSEMBLE.score_one(row["completion"], row["answer"], row.get("prompt"), row)["total"]
'''


class LinesExporter(TrainerTarget):
    """Writes the module, its tests and a README for the trainer."""

    trainer = "the lines trainer"
    calling = CALLING
    summary = "The trainer calls reward_of."
    usage = "## How to use it\n\nSet `reward: rewardsearch_reward.py` in the config of the trainer."
    # Goes into the tests that are exported with the module: calls it as the trainer does.
    totals = """
def totals(module, rows):
    return [module.reward_of({**row, **row["columns"]}) for row in rows]
"""
