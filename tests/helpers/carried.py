"""Completions for the rewards that the project carries, by their folder in candidates/."""

from __future__ import annotations

from functools import lru_cache

from rewardsearch.config import TaskConfig
from rewardsearch.records import LabelledCompletion
from rewardsearch.tasks import load_task
from rewardsearch.tasks.contrast.meanings import PROBES

ROWS = 16


@lru_cache
def labelled_for(folder: str) -> tuple[LabelledCompletion, ...]:
    """Labelled completions of ROWS rows of the task that the rewards in `folder` are for."""
    name = "resume" if folder == "resume" else "arithmetic"
    items = load_task(TaskConfig.model_validate({"name": name, "train_rows": ROWS})).labelled(ROWS)
    if folder == "contrast":
        rows = [item.row.model_copy(update={"measured": dict(PROBES[item.kind])}) for item in items]
        items = [item.model_copy(update={"row": row}) for item, row in zip(items, rows, strict=True)]
    return tuple(items)
