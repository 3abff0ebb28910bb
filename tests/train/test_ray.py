"""The launcher `ray` on a real cluster of two nodes, both on this machine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from played import Quiet

from rewardsearch.config import parse_config
from rewardsearch.errors import MachineError
from rewardsearch.loop import search
from rewardsearch.testing.launcher import LauncherSuite
from rewardsearch.train.launcher import EvaluateTest
from rewardsearch.train.launchers.ray import RayLauncher

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Two nodes with one CPU each."""
    from ray.cluster_utils import Cluster

    def start() -> Cluster:
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
        return nodes

    try:
        nodes = start()
    except Exception:
        # Ray waits 30 seconds for a node, which may not suffice on a machine that runs other tests.
        nodes = start()
    ray.init(address=nodes.address, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()
    nodes.shutdown()


def test_a_worker_that_no_machine_has_room_for_is_told(tmp_path: Path) -> None:
    launcher = RayLauncher(tmp_path, parse_config({"train": {"threads": 3}}, "test"))
    job = EvaluateTest(id="a", adapter=None, file="a.jsonl")
    with closing(launcher), pytest.raises(MachineError, match=r"train\.threads.*1 CPUs.*1 CPUs"):
        list(launcher.run([job], lambda: True, lambda: True, lambda *_: None))


class TestRay(LauncherSuite):
    launcher_class = RayLauncher


def leaderboard(folder: Path, engine: str, **train: Any) -> tuple[Any, ...]:
    """The rows of the leaderboard and the report of finalize of a small search, without what was measured by the clock."""
    file = folder / "engine.py"
    file.write_bytes((ROOT / "tests" / "helpers" / "killing_engine.py").read_bytes())
    launcher = "-".join(map(str, train.values()))
    config = parse_config(
        {
            "rounds": 1,
            "candidates": 2,
            "task": {"train_rows": 32, "val_rows": 20, "test_rows": 20},
            "propose": {"proposer": "folder", "folder": str(ROOT / "candidates" / "arithmetic")},
            "sft": {"enabled": engine == "Trl", "steps": 2},
            "bank": {"questions": 4, "group_size": 2},
            "sandbox": {"call_s": 60},
            "train": {
                "engine": f"{file}:{engine}",
                "baseline_seeds": 1,
                "steps": 4,
                "prompts_per_step": 2,
                "group_size": 2,
                "max_completion_tokens": 12,
                **train,
            },
            "race": {"rungs": [{"steps": 0.5, "questions": 0.5}]},
            "rank": {"resamples": 100, "min_correct": 0},
            "finalize": {"seeds": 1, "finalists": 0, "ensembles": ["top2"], "controls": []},
        },
        "test",
    )
    state = search(config, folder / launcher, Quiet())
    assert state.final is not None
    assert state.final_ranking is not None
    assert not [result.reason for result in state.trainings.values() if result.status != "done"]
    return tuple(row.model_copy(update={"seconds": 0.0}) for row in state.final_ranking.rows), state.final


def test_the_leaderboard_is_that_of_local_also_when_a_worker_is_killed_in_mid_job(tmp_path: Path) -> None:
    check_killed(tmp_path, "Plain", leaderboard(tmp_path, "Plain", launcher="local", slots=2))


@pytest.mark.slow
def test_trained_policies_have_the_leaderboard_of_local_with_one_slot_and_two(tmp_path: Path) -> None:
    one = leaderboard(tmp_path, "Trl", launcher="local", slots=1)
    assert leaderboard(tmp_path, "Trl", launcher="local", slots=2) == one
    check_killed(tmp_path, "Trl", one)


def check_killed(folder: Path, engine: str, expected: tuple[Any, ...]) -> None:
    """The same search under Ray, where a worker is killed once."""
    killed = folder / "killed"
    assert not killed.exists()
    assert leaderboard(folder, engine, launcher="ray") == expected
    logs = [log.read_text(encoding="utf-8") for log in (folder / "ray" / "logs").iterdir()]
    assert killed.exists() and sum("ActorDied" in log for log in logs) == 1
