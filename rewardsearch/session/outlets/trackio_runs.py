"""Curves and leaderboards in trackio: a run of a project, named after the search, for each training run.

They go to the folder `trackio` of the search's run folder, unless a variable of trackio names another store (TRACKIO_DIR) or a
server (TRACKIO_SERVER_URL, TRACKIO_SPACE_ID).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

_project = ""


class NotStored(Exception):
    """What trackio could not pass on."""


def start(settings: dict[str, str]) -> None:
    global _project
    _project = settings["run"]
    # It is read at the import.
    os.environ.setdefault("TRACKIO_DIR", f"{settings['folder']}/trackio")


def curve(arm: str, steps: list[tuple[int, dict[str, float]]]) -> None:
    _log(arm, steps)


def leaderboard(round: int, rows: list[dict[str, Any]]) -> None:
    _log("leaderboard", [(round, {f"f1/{row['name']}": row["f1"] for row in rows})])


def _log(name: str, steps: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """Raises NotStored for what is a warning in trackio."""
    import trackio

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trackio.init(project=_project, name=name, resume="allow", embed=False, auto_log_cpu=False, auto_log_gpu=False)
        for step, numbers in steps:
            trackio.log(dict(numbers), step=step)
        trackio.finish()
    for warning in caught:
        if warning.category is UserWarning:
            raise NotStored(str(warning.message).partition(". ")[0])
