"""What a running search shows: the time of training that is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rewardsearch.cli.planned import planned_steps
from rewardsearch.cli.progress import SearchProgress
from rewardsearch.config import parse_config

SETTINGS = {
    "rounds": 1,
    "candidates": 2,
    "screen": {"steps": 10, "baseline_seeds": 1},
    "race": {"enabled": False},
    "finalize": {"enabled": False},
}
CONFIG = parse_config(SETTINGS, "test")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, which stands still unless it is set."""
    now = [100.0]
    monkeypatch.setattr("rewardsearch.cli.progress.time.monotonic", lambda: now[0])
    return now


def shown(steps_done: int = 0) -> SearchProgress:
    return SearchProgress(Console(file=io.StringIO()), CONFIG, steps_done)


def test_the_time_left_is_that_of_the_planned_steps_at_the_pace_so_far(clock: list[float]) -> None:
    assert planned_steps(CONFIG) == 30
    told = shown()
    assert told.time_left() == ""
    told.jobs({"a": "baseline"}, 10)
    for step in range(1, 11):
        told.step("a", step, 10)
    clock[0] += 20.0
    assert told.time_left() == "at most 40 s of training left"
    clock[0] += 100.0
    assert told.time_left() == "at most 4 min of training left"


def test_what_an_earlier_session_trained_is_not_left(clock: list[float]) -> None:
    told = shown(steps_done=20)
    told.jobs({"c": "third"}, 10)
    for step in range(1, 6):
        told.step("c", step, 10)
    clock[0] += 10.0
    assert told.time_left() == "at most 10 s of training left"


def test_no_time_is_told_where_no_training_is_left(clock: list[float]) -> None:
    told = shown(steps_done=28)
    told.jobs({"c": "third"}, 10)
    clock[0] += 10.0
    for step in (9, 10):
        told.step("c", step, 10)
    assert told.time_left() == ""
