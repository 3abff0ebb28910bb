"""Completions for the rewards that the project carries, by their folder in candidates/."""

from __future__ import annotations

from functools import lru_cache

from rewardsearch.config import TaskConfig
from rewardsearch.records import LabelledCompletion
from rewardsearch.tasks import load_task

ROWS = 16


@lru_cache
def labelled_for(folder: str) -> tuple[LabelledCompletion, ...]:
    """Labelled completions of ROWS rows of the task that the rewards in `folder` are for."""
    name = folder if folder in ("contrast", "resume") else "arithmetic"
    return tuple(load_task(TaskConfig.model_validate({"name": name, "train_rows": ROWS})).labelled(ROWS))
