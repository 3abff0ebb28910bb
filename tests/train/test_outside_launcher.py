"""A launcher from a file outside the package: its contract, and a whole search through it."""

from pathlib import Path

import pytest
import yaml
from outside.launcher import InProcess
from played import Quiet

from rewardsearch.config import load_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.testing.launcher import LauncherSuite
from rewardsearch.train import check_plugins

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "outside" / "launcher.py"


class TestInProcess(LauncherSuite):
    launcher_class = InProcess


def test_a_whole_search_runs_through_a_launcher_from_a_file(tmp_path: Path) -> None:
    settings = {
        "rounds": 1,
        "candidates": 2,
        "task": {"train_rows": 32, "val_rows": 6, "test_rows": 6},
        "propose": {"proposer": "folder", "folder": str(ROOT / "candidates" / "arithmetic")},
        "bank": {"questions": 4, "group_size": 2},
        "sandbox": {"call_s": 30},
        "train": {
            "launcher": "launcher.py:InProcess",
            "baseline_seeds": 1,
            "steps": 2,
            "prompts_per_step": 2,
            "group_size": 2,
            "max_completion_tokens": 12,
        },
        "race": {"enabled": False},
        "rank": {"resamples": 100, "min_correct": 0},
        "finalize": {"seeds": 1, "finalists": 0, "ensembles": ["top2"], "controls": []},
    }
    # Beside the config, where a user would put it.
    (tmp_path / "launcher.py").write_bytes(FILE.read_bytes())
    (tmp_path / "search.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    state = search(load_config(tmp_path / "search.yaml"), tmp_path / "run", Quiet())
    assert state.final is not None and state.status == "finished"
    done = {result.id for result in state.trainings.values() if result.status == "done" and result.steps == 2}
    assert done >= {"baseline", *(id for id, verdict in state.verdicts.items() if verdict.accepted)}
    assert not (tmp_path / "run" / "logs").exists()


@pytest.mark.parametrize("key", ["engine", "launcher"])
@pytest.mark.parametrize("name", ["rocket", "rocket.py:Rocket", "no.such.module:Rocket"])
def test_a_name_that_nothing_has_is_the_users_mistake(key: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"train:\n  {key}: {name}\n", encoding="utf-8")
    config = load_config(tmp_path / "c.yaml")
    with pytest.raises(UserError, match=rf"train\.{key}"):
        check_plugins(config)
