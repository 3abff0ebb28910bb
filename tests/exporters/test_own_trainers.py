"""Exported modules in the code with which the trainers themselves load and call rewards (own_trainers.py).

The packages are where they are installed, or in the folder REWARDSEARCH_TRAINERS, which `make trainers` fills; a checkout of
slime or EasyR1 may lie there too. A trainer that is in neither is skipped.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from callers import rows_of
from own_trainers import RUNS
from searched_rewards import ensemble

from rewardsearch.exporters import ExportSelection, export
from rewardsearch.records import Batch

SCRIPT = Path(__file__).with_name("own_trainers.py")
PACKAGES = {"verl": "verl", "openrlhf": "openrlhf", "ms-swift": "swift", "verifiers": "verifiers"}
"""The package of each trainer that pip installs."""


TARGETS = {"verl-gdpo": "verl", "verifiers-0.3": "verifiers"}
"""The target of each run that is not named after it."""


def found(run: str, target: str) -> tuple[str, Path] | None:
    """The Python that has the trainer's needs, and the folder with its package."""
    folder = Path(os.environ.get("REWARDSEARCH_TRAINERS", "")) / ("verl" if run == "verl-gdpo" else run)
    if "REWARDSEARCH_TRAINERS" in os.environ and folder.is_dir():
        own = folder / "bin" / "python"
        return (str(own) if own.exists() else sys.executable), folder
    package = PACKAGES.get(target)
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    if target == "verifiers" and (importlib.metadata.version(target) < "0.4") != (run == "verifiers-0.3"):
        return None
    return sys.executable, Path(spec.origin).parents[1]


@pytest.mark.parametrize("run", RUNS)
def test_the_trainers_own_code_gets_what_the_search_paid(
    tmp_path: Path, rows: Batch, paid: list[float], run: str
) -> None:
    target = TARGETS.get(run, run)
    where = found(run, target)
    if where is None:
        pytest.skip(f"{run} is not here; `make trainers` gets it")
    selection = ExportSelection(source="demo", rewards=ensemble(), numeric=True, columns=tuple(rows.columns))
    module = export(target, selection, tmp_path)[0]
    done = subprocess.run(
        [where[0], SCRIPT, run, where[1], module],
        input=json.dumps(rows_of(rows)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    given = json.loads(done.stdout)
    assert len(given) == len(paid) and max(abs(a - b) for a, b in zip(given, paid, strict=True)) <= 1e-9
