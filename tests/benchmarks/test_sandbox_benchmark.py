"""Every benchmark runs, on the smallest amounts, and measures what it says."""

import json
import subprocess
import sys

import pytest

from rewardsearch.files.resources import PACKAGE


def test_the_sandbox_benchmark_measures_calls_steps_and_validation() -> None:
    script = PACKAGE.parent / "benchmarks" / "sandbox.py"
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(script),
        "--candidates",
        "2",
        "--calls",
        "3",
        "--steps",
        "3",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["what"].strip(): row for row in json.loads(done.stdout)}
    assert all(row["value"] > 0 for row in rows.values())
    limited = {what for what, row in rows.items() if row["limit"] is not None}
    assert len(limited) == 3
    assert rows["the call in-process"]["value"] < rows["the call in the warm sandbox, fresh state"]["value"]


def test_the_ranking_benchmark_measures_the_statistics_beside_plain_loops() -> None:
    script = PACKAGE.parent / "benchmarks" / "ranking.py"
    amounts = ["--candidates", "4", "--questions", "50", "--resamples", "200"]
    command = [sys.executable, "-W", "ignore", str(script), *amounts, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout)
    parts, (total,) = [row for row in rows if row["unit"] == "s"][:-1], [row for row in rows if row["limit"]]
    assert [row["what"].split(" of ")[0] for row in parts[:3]] == ["intervals", "paired intervals", "McNemar's tests"]
    assert sum(row["value"] for row in parts) == pytest.approx(total["value"], abs=1e-3)
    assert all(row["value"] > 1 for row in rows if "scikit-learn" in row["what"])
