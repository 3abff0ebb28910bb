"""`rewardsearch run --proposer`: who writes the candidates, named on the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rewardsearch.files.resources import resource
from rewardsearch.session.estimating import Measured
from rewardsearch.session.pace import Pace

GRAMMAR = str(resource("configs") / "arithmetic-grammar.yaml")
CONFIG = str(resource("configs") / "arithmetic-demo.yaml")


def planned(out: str) -> Any:
    """The config that a dry run shows."""
    return yaml.safe_load(out.split("plan:")[0])


def test_a_recorded_run_is_named_after_the_config(cli: Any, run: Path) -> None:
    done = cli("run", CONFIG, run, "--proposer", "replay", "--dry-run", "--no-measure", "--set", "rounds=1")
    assert done.code == 0, done.err
    settings = planned(done.out)
    assert settings["propose"]["proposer"] == "replay"
    assert settings["propose"]["replay"] == str(run.resolve())
    assert settings["run_dir"] == "runs/arithmetic-demo-replay"


def test_a_repetition_goes_where_it_is_told(cli: Any, run: Path) -> None:
    options = ("--dry-run", "--no-measure", "--set", "rounds=1", "--run-dir", "elsewhere")
    done = cli("run", CONFIG, run, "--proposer", "replay", *options)
    assert planned(done.out)["run_dir"] == "elsewhere"


def test_the_option_wins_over_the_config(cli: Any) -> None:
    done = cli("run", CONFIG, "--proposer", "manual", "--dry-run", "--no-measure")
    assert planned(done.out)["propose"]["proposer"] == "manual"
    assert planned(done.out)["run_dir"] == "runs/arithmetic-demo"
    assert re.search(r"first prompt: about [\d,]+ tokens of 16,000", done.out)


def test_a_dry_run_validates_every_reward_of_the_folder_and_shows_the_time(
    cli: Any, write_reward: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_reward("fine", "2.0 * (f'<solution> {a} </solution>' in c)").parent
    write_reward("broken", "open(c)")
    pace = Measured(pace=Pace(step=1.0), seconds=7.0)
    monkeypatch.setattr("rewardsearch.session.measuring.measure", lambda config, rows: pace)
    options = ("--dry-run", "--set", f"propose.folder={folder}", "--set", "train.slots=2")
    done = cli("run", CONFIG, "--proposer", "folder", *options)
    assert done.code == 0, done.err
    assert "  fine accepted\n" in done.out and "  broken rejected: static: line 5" in done.out
    # Fifteen waves of 22 steps over two slots.
    assert re.search(r"^time +6 min, 2 processes", done.out, re.MULTILINE)
    assert cli("run", CONFIG, "--no-measure").code == 2


def test_a_recorded_run_without_replay_is_a_mistake(cli: Any, run: Path) -> None:
    done = cli("run", CONFIG, run)
    assert (done.code, done.out) == (2, "")
    assert "--proposer replay" in done.err


def test_replay_without_a_run_is_a_mistake(cli: Any) -> None:
    done = cli("run", GRAMMAR, "--proposer", "replay", "--dry-run", "--no-measure")
    assert done.code == 2
    assert "propose.replay: no run is named" in done.err


def test_a_recording_is_named_as_a_run_is(cli: Any) -> None:
    recording = resource("candidates") / "recorded" / "arithmetic-seed3"
    done = cli("run", GRAMMAR, recording, "--proposer", "replay", "--dry-run", "--no-measure")
    assert (done.code, planned(done.out)["propose"]["replay"]) == (0, str(recording))
    assert "13 rewards by a frontier model" in done.out


def test_an_unknown_proposer_is_a_mistake_that_names_the_known(cli: Any) -> None:
    done = cli("run", CONFIG, "--proposer", "oracle", "--dry-run", "--no-measure")
    assert done.code == 2
    assert "propose.proposer" in done.err and "replay" in done.err
