"""Completions for the rewards that the project carries."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rewardsearch.config import TaskConfig
from rewardsearch.config.training import BASE_REWARDS
from rewardsearch.records import LabelledCompletion
from rewardsearch.tasks import load_task

ROWS = 16


def task_for(file: Path) -> str:
    """The task that a reward file in candidates/ is for; arithmetic for one that is for several."""
    own = next((task for task, names in BASE_REWARDS.items() if file.stem in names), file.parent.name)
    return own if own in ("resume", "contrast") else "arithmetic"


@lru_cache
def labelled_for(task: str) -> tuple[LabelledCompletion, ...]:
    """Labelled completions of ROWS rows of a task."""
    return tuple(load_task(TaskConfig.model_validate({"name": task, "train_rows": ROWS})).labelled(ROWS))
