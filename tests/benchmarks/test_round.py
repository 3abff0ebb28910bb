"""The benchmark of a round: its table compares every way with the last one, and its limits are those of its docstring. The slow
test goes the whole way with one reward and one step."""

import json
import sys
from pathlib import Path

import pytest

from rewardsearch.files.resources import PACKAGE

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import round as round_benchmark
import round_shapes


def test_ways_are_compared_with_the_last_one() -> None:
    ways = [
        round_benchmark.Way("script", 60.0, {"train": 50.0}, [0.5, 0.7], 900.0),
        round_benchmark.Way("engine", 20.0, {"rollout": 10.0}, [0.6], 800.0),
    ]
    table = round_benchmark.table(ways)
    assert list(table.columns[2].cells) == ["3.00", "1.00"]
    assert next(iter(table.columns[4].cells)) == "0.600 (0.500 to 0.700)"


def test_the_limit_of_a_rollout_is_the_larger_of_reading_and_multiplying() -> None:
    options = round_shapes.parsed(["--tokens", "100", "--prompt-tokens", "50"])
    options.device = "cuda"
    # 64 rows of one arm: reading 2 GB at 1 TB/s takes 2 ms a token; 16 arms multiply for 4.1 ms.
    device = round_shapes.Machine("any", 1e12, 500e12)
    rollout, update = round_shapes.limits(options, 10**9, device, 1)
    assert rollout == pytest.approx(100 * 2e-3)
    assert update == pytest.approx(4e9 * (64 * 100 + 8 * 50) / 500e12)
    assert round_shapes.limits(options, 10**9, device, 16)[0] == pytest.approx(100 * 2e9 * 16 * 64 / 500e12)


@pytest.mark.slow
def test_one_reward_goes_all_four_ways(tmp_path: Path) -> None:
    out = tmp_path / "round.json"
    given = ["--rewards=1", "--scripts=1", "--steps=1", "--questions=8", "--one-by-one=2", f"--out={out}"]
    round_benchmark.main(given)
    ways = json.loads(out.read_text(encoding="utf-8"))
    assert [way["name"][:3] for way in ways] == ["(a)", "(b)", "(c)", "(d)"]
    assert all(way["seconds"] > 0 and 0 <= way["accuracies"][0] <= 1 for way in ways)


@pytest.mark.slow
def test_a_shape_is_measured_with_both_engines(tmp_path: Path) -> None:
    out = tmp_path / "shapes.json"
    round_shapes.main(["--shapes=tiny", "--arms", "1", "2", "--tokens=4", "--steps=1", f"--out={out}"])
    rows = json.loads(out.read_text(encoding="utf-8"))["tiny"]["rows"]
    assert [(row["engine"], row["arms"]) for row in rows] == [("trl", 1), ("lockstep", 1), ("lockstep", 2)]
