"""The tasks a search can run on."""

from __future__ import annotations

from rewardsearch.config import TaskConfig
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.tasks.base import Split, Task
from rewardsearch.tasks.gsm8k import Gsm8kTask
from rewardsearch.tasks.resume import ResumeTask

__all__ = ["Split", "Task", "load_task"]


def load_task(config: TaskConfig) -> Task:
    """The task that `config` names. Rows are read when they are asked for."""
    if config.name == "resume":
        return ResumeTask(config)
    return Gsm8kTask(config) if config.name == "gsm8k" else ArithmeticTask(config)
