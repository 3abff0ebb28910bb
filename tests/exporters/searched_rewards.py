"""An ensemble of a search on the arithmetic task, for the agreement of exports with the search."""

from __future__ import annotations

from rewardsearch.config import Config
from rewardsearch.files.resources import resource
from rewardsearch.records import RewardSpec
from rewardsearch.rewards.base import load_base_rewards

SIZE = 500
"""Completions on which an export is compared with the search."""
READS_ALL = """
def reward(prompts, completions, answer, **columns):
    asked = zip(*(columns[name] for name in sorted(columns)))
    return {
        "overlap": [float(len(set(p.split()) & set(c.split()))) for p, c in zip(prompts, completions)],
        "asked": [0.25 * len(set(" ".join(q).split()) & set(c.split())) for q, c in zip(asked, completions)],
    }
"""


def ensemble() -> tuple[RewardSpec, ...]:
    """The base rewards, three hand-written candidates that read different things, and one that reads every column."""
    found = [
        RewardSpec(
            id=name, name=name, code=(resource("candidates") / "arithmetic" / f"{name}.py").read_text(), weight=1 / 3
        )
        for name in ("step_check", "brevity", "wrong_answer_penalty")
    ]
    return (
        *load_base_rewards(Config().train.base_rewards),
        *found,
        RewardSpec(id="all", name="Reads all", code=READS_ALL),
    )
