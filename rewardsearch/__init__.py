"""Searches for reward functions: propose, validate, train, rank, feed back.

    import rewardsearch as rs

    run = rs.search("configs/arithmetic-demo.yaml")  # or rs.load_run("runs/arithmetic-demo")
    run.leaderboard()                                # a pandas DataFrame
    run.candidate("open_with_work").curves()         # a DataFrame, one row per step
    run.export("trl", "out")

Everything in `__all__` is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardsearch.config import Config, load_config
    from rewardsearch.errors import (
        BudgetReached,
        Interrupted,
        MachineError,
        NothingAccepted,
        RewardSearchError,
        UserError,
    )
    from rewardsearch.exporters import Exporter, ExportSelection
    from rewardsearch.monitor.callback import RewardMonitor
    from rewardsearch.propose import Draft, ProposalRequest, Proposer, admit
    from rewardsearch.rank import Comparison
    from rewardsearch.records import (
        Batch,
        Candidate,
        FinalReport,
        Outcome,
        Proposal,
        Ranking,
        Row,
        TrainingResult,
        Verdict,
    )
    from rewardsearch.run.progress import Progress
    from rewardsearch.session.api import Run, RunArm, compare, load_run, score, search, validate
    from rewardsearch.session.scoring import Scores
    from rewardsearch.tasks import Task
    from rewardsearch.train.engine import Engine
    from rewardsearch.train.launcher import Launcher

__version__ = "0.1.0"

_MODULES = {
    "config": ("Config", "load_config"),
    "errors": ("BudgetReached", "Interrupted", "MachineError", "NothingAccepted", "RewardSearchError", "UserError"),
    "exporters": ("ExportSelection", "Exporter"),
    "rank": ("Comparison",),
    "records": (
        "Batch",
        "Candidate",
        "FinalReport",
        "Outcome",
        "Proposal",
        "Ranking",
        "Row",
        "TrainingResult",
        "Verdict",
    ),
    "run.progress": ("Progress",),
    "monitor.callback": ("RewardMonitor",),
    "propose": ("Draft", "ProposalRequest", "Proposer", "admit"),
    "session.api": ("RunArm", "Run", "compare", "load_run", "score", "search", "validate"),
    "session.scoring": ("Scores",),
    "tasks": ("Task",),
    "train.engine": ("Engine",),
    "train.launcher": ("Launcher",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Batch",
    "BudgetReached",
    "Candidate",
    "Comparison",
    "Config",
    "Draft",
    "Engine",
    "ExportSelection",
    "Exporter",
    "FinalReport",
    "Interrupted",
    "Launcher",
    "MachineError",
    "NothingAccepted",
    "Outcome",
    "Progress",
    "Proposal",
    "ProposalRequest",
    "Proposer",
    "Ranking",
    "RewardMonitor",
    "RewardSearchError",
    "Row",
    "Run",
    "RunArm",
    "Scores",
    "Task",
    "TrainingResult",
    "UserError",
    "Verdict",
    "admit",
    "compare",
    "load_config",
    "load_run",
    "score",
    "search",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
