"""What a running search shows: the jobs at work, and the time of training that is left."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import book_training, candidate, screened
from rich.console import Console

from rewardsearch.cli.progress import SearchProgress
from rewardsearch.config import Config, parse_config
from rewardsearch.records import BASELINE, Candidate, FinalArm, PromotionDecision, RewardSpec, Verdict
from rewardsearch.run.events import DevicesHeld
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.run.progress import LIVE, Running, Tracker, read_live
from rewardsearch.run.state import RunState
from rewardsearch.session.pending import Between, steps_left
from rewardsearch.session.time_left import describe_time_left, time_left

SETTINGS: dict[str, Any] = {
    "rounds": 2,
    "candidates": 4,
    "train": {"steps": 10, "baseline_seeds": 1, "slots": 2},
    "race": {"rungs": [{"steps": 0.5, "questions": 1.0}], "min_promoted": 0.34, "max_promoted": 0.5},
    "finalize": {"enabled": False},
}
FOUR = [candidate(name, f"{n}.0") for n, name in enumerate(("a", "b", "c", "d"))]


def config(**fields: Any) -> Config:
    return parse_config({**SETTINGS, **fields}, "test")


def state(
    accepted: Mapping[str, bool] | None = None, trained: Sequence[tuple[str, int]] = (), **fields: Any
) -> RunState:
    """A run of round 1: verdicts by name; trained: names with the step that each has got to, 2 s a step."""
    found = RunState(Path("runs/x"), config(**fields))
    by_name: dict[str, Candidate] = {each.name: each for each in FOUR}
    for name, fine in (accepted or {}).items():
        each = by_name[name]
        found.candidates[each.id] = each
        found.verdicts[each.id] = Verdict(candidate=each.id, accepted=fine, stage=None if fine else "bank")
    for name, steps in trained:
        id = by_name[name].id if name in by_name else name
        rung = "full" if steps == 10 else "rung1"
        result = screened(id, "c", rung=rung, steps=steps, seconds=2.0 * steps, trained=steps)
        found.trainings[f"candidates/{id}/training/{rung}-0"] = result
        if rung == "full":
            found.results[id] = result
    return found


def raced(found: RunState, *promoted: str) -> RunState:
    for each in FOUR:
        if each.id in found.verdicts and found.verdicts[each.id].accepted:
            promotion = PromotionDecision(id=each.id, promoted=each.name in promoted, message="")
            found.promotions["rung1", each.id] = promotion
    return found


@pytest.mark.parametrize(
    ("run", "left"),
    [
        # Of four that are raced, two to four go on: 4 x 5 + 2 x 5 at least in each of two rounds, beside the baseline.
        (state(), (70, 90)),
        (state(race={"enabled": False}), (90, 90)),
        (state(trained=[(BASELINE, 5)]), (65, 85)),
        # Three of four accepted: 3 x 5 + 2 x 5 at least in this round; of the next, as many or all four.
        (state({"a": True, "b": True, "c": True, "d": False}, [(BASELINE, 10)]), (50, 70)),
        (raced(state(dict.fromkeys("abcd", True), [(BASELINE, 10), *((n, 5) for n in "abcd")]), "a", "b"), (40, 50)),
        (
            raced(state(dict.fromkeys("abcd", True), [(BASELINE, 10), ("a", 10), ("b", 5), ("c", 5), ("d", 5)]), "a"),
            (30, 40),
        ),
    ],
)
def test_the_steps_left_are_those_of_what_is_not_decided_yet(run: RunState, left: tuple[int, int]) -> None:
    assert steps_left(run) == left


def test_a_candidate_that_failed_takes_no_further_steps() -> None:
    run = state({"a": True, "b": True}, [(BASELINE, 10)], rounds=1, race={"enabled": False})
    assert steps_left(run) == (20, 20)
    run.results[FOUR[0].id] = screened(FOUR[0].id, "", status="failed", reason="returned nan", steps=3)
    assert steps_left(run) == (10, 10)


def test_the_steps_of_finalize_are_exact_once_the_arms_are_chosen() -> None:
    run = state(trained=[(BASELINE, 10)], rounds=1, finalize={"enabled": True, "seeds": 2})
    run.rankings.append(object())  # type: ignore[arg-type]
    planned = steps_left(run).high
    reward = RewardSpec(id="x", name="x", code="")
    run.arms = {
        id: FinalArm(id=id, kind="ensemble", rewards=(reward,), steps=10, seeds=(1, 2)) for id in ("top3", "cover")
    }
    assert steps_left(run) == (40, 40) and planned > 40
    run.trainings["final/top3/full-1"] = screened("top3", "c", steps=10)
    assert steps_left(run) == (30, 30)
    run.arms["a-a"] = FinalArm(id="a-a", kind="control", rewards=(reward,), steps=10, seeds=(3, 4))
    assert steps_left(run) == (50, 50)
    run.trainings["final/a-a/full-4"] = screened("a-a", "c", steps=10)
    assert steps_left(run) == (40, 40)


def test_the_time_left_is_that_of_the_batches_at_the_pace_so_far_over_all_slots() -> None:
    run = state(trained=[(BASELINE, 5)])
    # One slot waits while the baseline's last 5 steps are trained; a round's 4 x 5 and 2 to 4 x 5 steps fill both.
    assert time_left(run) == (70.0, 90.0)
    at_work = [
        Running(folder=name, name=name, done=done, of=10, unit="steps", begun=begun, seconds=6.0)
        for name, done, begun in (("x", 10, 6), ("y", 3, 1))
    ]
    assert time_left(run, at_work) == (64.0, 84.0)
    # Before anything is whole, the pace is that of what runs; evaluation is no training.
    assert time_left(state(), at_work) == (74.0, 94.0)
    assert time_left(state(), [at_work[0].model_copy(update={"unit": "questions"})]) is None
    assert time_left(state()) is None


def test_an_evaluation_counts_by_its_questions_where_the_engine_reports_phases() -> None:
    run = state(trained=[(BASELINE, 10)], race={"enabled": False}, rounds=1, task={"val_rows": 50})
    [(folder, result)] = run.trainings.items()
    phases = {"load": 30.0, "rollout": 6.0, "reward": 1.0, "update": 3.0, "evaluate": 8.0}
    run.trainings[folder] = result.model_copy(update={"phases": phases, "trained": 10})
    run.answered[folder] = 40
    # The policy, and two waves of candidates: 1 s a step, 0.2 s a question, of 40 questions as they were asked.
    assert time_left(run) == pytest.approx((8.0 + 2 * 18.0,) * 2)


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (None, ""),
        ((0.0, 0.0), ""),
        ((40.0, 45.0), "about 45 s of training left"),
        ((100.0, 480.0), "about 2 to 8 min of training left"),
        ((7000.0, 7200.0), "about 2.0 h of training left"),
        ((0.0, 7200.0), "about 0.0 to 2.0 h of training left"),
    ],
)
def test_a_range_is_told_as_one_number_where_its_ends_are_close(left: tuple[float, float] | None, told: str) -> None:
    assert describe_time_left(Between(*left) if left else None) == told


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tracker, Console]]:
    """A search on a terminal, every change of which is written."""
    monkeypatch.setattr("rewardsearch.run.progress._EVERY_S", 0.0)
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with SearchProgress(console, config()) as shown, Tracker(shown, tmp_path) as tracker:
        yield tracker, console


def test_other_processes_read_what_a_search_is_doing(tracked: tuple[Tracker, Console], tmp_path: Path) -> None:
    tracker, _ = tracked
    tracker.jobs({"f/a": "first", "f/b": "second"}, 10)
    tracker.step("f/a", 4, 10, "steps")
    tracker.step("f/b", 10, 10, "steps")
    tracker.step("f/b", 250, 500, "questions")
    live = read_live(tmp_path)
    assert live is not None and live.doing == "training"
    assert [(job.name, job.done, job.of, job.unit, job.begun) for job in live.running] == [
        ("first", 4, 10, "steps", 4),
        ("second", 250, 500, "questions", 250),
    ]
    tracker.doing("reading the sealed test")
    live = read_live(tmp_path)
    assert live is not None and (live.doing, live.running) == ("reading the sealed test", ())
    tracker.__exit__()
    assert not (tmp_path / LIVE).exists() and read_live(tmp_path) is None


def test_an_evaluation_has_a_bar_of_its_own_without_a_time_of_training(tracked: tuple[Tracker, Console]) -> None:
    tracker, _ = tracked
    tracker._shown.opened(state(trained=[(BASELINE, 5)]))
    tracker.jobs({"f": "first"}, 10)
    tracker.step("f", 10, 10, "steps")
    shown: SearchProgress = tracker._shown  # type: ignore[assignment]
    [bar] = shown._progress.tasks
    assert "of training left" in bar.description
    tracker.step("f", 250, 500, "questions")
    [bar] = shown._progress.tasks
    assert (bar.description, bar.completed, bar.total, bar.fields["unit"]) == ("first", 250, 500, "questions")
    tracker.doing("proposing for round 2")
    assert shown._progress.tasks == []


def test_status_names_the_job_its_step_and_the_time_left(cli: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewardsearch.session.standing.in_use", lambda folder: True)
    running = {"folder": "f", "name": "first", "done": 4, "of": 40, "unit": "steps", "begun": 1, "seconds": 3.0}
    (run / LIVE).write_text(json.dumps({"doing": "training", "running": [running], "updated": 0.0}))
    told = json.loads(cli("status", run, "--json").out)
    assert (told["doing"], told["running"]) == ("training", [{**running, "curve": None}]) and len(
        told["seconds_left"]
    ) == 2
    assert "first: 4 of 40 steps" in cli("status", run).out
    monkeypatch.setattr("rewardsearch.session.standing.in_use", lambda folder: False)
    told = json.loads(cli("status", run, "--json").out)
    assert (told["doing"], told["running"], told["seconds_left"]) == (None, [], None)


def test_status_says_where_the_time_of_training_processes_went(cli: Any, run: Path) -> None:
    assert "training processes" not in cli("status", run).out
    parts = [{"load": 10.0, "rollout": 30.0, "update": 15.0}, {"load": 2.0, "rollout": 30.0, "evaluate": 13.0}]
    with Journal.open(run, read_run(run).config, ()) as journal:
        for seed, phases in enumerate(parts, start=7):
            book_training(journal, f"x/full-{seed}", screened(BASELINE, "ccw", steps=1, seed=seed, phases=phases))
        journal.append(DevicesHeld(seconds=1800.0))
    told = json.loads(cli("status", run, "--json").out)
    assert told["phases"] == {"rollout": 60.0, "update": 15.0, "evaluate": 13.0, "load": 12.0}
    assert told["gpu_hours"] == 0.5
    shown = " ".join(cli("status", run).out.split())
    assert "1 min 40 s of training processes: sampling completions 60 %, weight updates 15 %" in shown
    assert "0.50 GPU-hours" in shown


def test_a_long_line_of_the_log_is_wrapped_and_indented() -> None:
    file = io.StringIO()
    SearchProgress(Console(file=file, width=60), config()).say("  brevity stopped at step 9: " + "and so on " * 12)
    first, *more = file.getvalue().splitlines()
    assert len(more) == 2 and all(len(line) <= 60 for line in (first, *more))
    assert first.startswith("  brevity") and all(line[:4].isspace() and not line[4].isspace() for line in more)
