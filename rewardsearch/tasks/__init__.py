"""The tasks that a search can run on: the built-in ones, and any class that satisfies the protocol `Task` (base.py)."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from rewardsearch.config import TaskConfig, name_of_kind
from rewardsearch.errors import UserError
from rewardsearch.files.plugins import load_plugin, module_code, plugin_code
from rewardsearch.tasks.base import GENERATED, SPLITS, LabelValues, SourceReport, Split, Task, solution_of
from rewardsearch.tasks.hub import HubError
from rewardsearch.tasks.measuring import Contrast, Generation, Meaning, Measures, ProbeKind, Reader, Vectors, probe_row

__all__ = [
    "GENERATED",
    "KINDS",
    "SPLITS",
    "TASKS",
    "Contrast",
    "Generation",
    "LabelValues",
    "Meaning",
    "Measures",
    "ProbeKind",
    "Reader",
    "SourceReport",
    "Split",
    "Task",
    "Vectors",
    "load_task",
    "load_task_or_sample",
    "probe_row",
    "solution_of",
    "task_code",
]

TASKS = {
    "arithmetic": "rewardsearch.tasks.arithmetic:ArithmeticTask",
    "contrast": "rewardsearch.tasks.contrast.task:ContrastTask",
    "gsm8k": "rewardsearch.tasks.gsm8k:Gsm8kTask",
    "resume": "rewardsearch.tasks.resume:ResumeTask",
}
"""The built-in tasks. Each class is called with the TaskConfig."""
KINDS = {
    "numeric": "rewardsearch.tasks.data:DataTask",
    "choice": "rewardsearch.tasks.data:DataTask",
    "text": "rewardsearch.tasks.data:DataTask",
    "reasoning_gym": "rewardsearch.tasks.reasoning_gym:ReasoningGymTask",
    "verifiers": "rewardsearch.tasks.environments:EnvironmentTask",
    "file": "rewardsearch.tasks.verifier:FileTask",
}
"""The kinds of task that need no class, by `task.kind`."""
_MEMBERS = (
    *("name", "description", "form", "numeric", "classes", "columns", "label_values"),
    *("rows", "outcome", "right_in_any_form", "labelled", "demonstrations", "heuristic_baselines"),
)
"""What a task has beside `source`, which would read the data."""


def load_task(config: TaskConfig) -> Task:
    """The task that `config.kind` or `config.name` names. Rows are read when they are asked for.

    Raises UserError for a name that stands for no task, and for keys of the config that the task does not read.
    """
    if config.kind is not None and config.kind not in KINDS:
        raise UserError(
            f"task.kind: got {config.kind!r}; allowed: {', '.join(KINDS)}; a task by its name goes into task.name"
        )
    if config.kind is not None and config.name in TASKS and config.name != name_of_kind(config.model_dump()):
        raise UserError(
            f"task.name: {config.name} is a task of its own, and task.kind is {config.kind}; leave one of them out"
        )
    if config.kind is not None:
        made = load_plugin("task", config.kind, KINDS, "task.kind")
    else:
        made = load_plugin("task", config.name, TASKS, "task.name")
    if not callable(made):
        raise UserError(f"task.name: {config.label} is no class; name one that derives from rewardsearch.tasks.Task")
    missing = sorted(getattr(made, "__abstractmethods__", ()))
    task = None if missing else made(config)
    if missing := missing or [name for name in _MEMBERS if not hasattr(task, name)]:
        raise UserError(
            f"task.name: {config.label} does not define {', '.join(missing)}; a task derives from rewardsearch.tasks.Task"
        )
    return cast(Task, task)


def load_task_or_sample(config: TaskConfig) -> tuple[Task, str | None]:
    """The task, or, where the hub does not answer and the package has a sample for it, the task on that sample and what went
    wrong. For commands that train nothing. Raises UserError for rows that cannot be used."""
    task = load_task(config)
    try:
        task.rows("train")
    except HubError as error:
        if error.offline is None:
            raise
        return load_task(error.offline), error.problem
    return task, None


def task_code(config: TaskConfig) -> Path | None:
    """The file or package that holds the code of a task from outside, or its verifier; None for a built-in task."""
    if config.kind is None:
        return plugin_code("task", config.name, TASKS)
    return None if config.code is None else module_code(config.code)
