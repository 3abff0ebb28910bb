"""Every benchmark runs, on the smallest amounts, and measures what it says."""

import json
import subprocess
import sys

from rewardsearch.resources import PACKAGE


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
