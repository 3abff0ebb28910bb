"""Infrastructure errors cost a retry, not the search, and are never a score. Training is played by functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from played import Quiet, Trainer
from test_search import config, events
from test_trials import apart
from test_trials import config as raced

from rewardsearch.errors import MachineError
from rewardsearch.loop import search
from rewardsearch.records import BASELINE, POLICY
from rewardsearch.run.journal import read_run

NO_TEST = {"enabled": False}
Started = Callable[..., Any]


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The candidates of a search of two rounds that nothing disturbs, two of each round."""
    with Trainer().in_place():
        return list(search(config(rounds=2, finalize=NO_TEST), tmp_path_factory.mktemp("probe"), Quiet()).candidates)


def test_one_error_of_an_arm_costs_a_retry_and_changes_nothing(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    whole = search(raced(), tmp_path / "whole", Quiet())
    runs = [job.folder for job in trainer.jobs]
    last = next(job.id for job in trainer.jobs if job.rung == "full" and job.id in whole.candidates)
    assert [job.id for job in trainer.jobs[-1:]] == [last]
    trainer.jobs.clear()
    lost = trainer.errors = {POLICY: 1, BASELINE: 1}
    trainer.after_run = lambda id: lost.update({last: 1}) if len(trainer.jobs) == len(runs) + 1 else None
    state = search(raced(), tmp_path / "again", Quiet())
    assert sorted(job.folder for job in trainer.jobs) == sorted(
        [*runs, trainer.jobs[0].folder, trainer.jobs[1].folder, trainer.jobs[-1].folder]
    )
    assert (state.rankings, state.feedbacks, state.promotions) == (whole.rankings, whole.feedbacks, whole.promotions)


def test_what_errs_again_and_again_is_marked_and_left_to_the_next_start(
    tmp_path: Path, trainer: Trainer, ids: list[str]
) -> None:
    unlucky, settings = ids[0], config(rounds=2, finalize=NO_TEST)
    trainer.ends = {unlucky: "error"}
    state = search(settings, tmp_path, Quiet())
    # At the end of its round, and once more when the next round began.
    assert trainer.trained.count(unlucky) == 3
    row = next(row for row in state.rankings[-1].rows if row.id == unlucky)
    assert (row.status, row.f1, row.rank) == ("error", None, None)
    assert unlucky not in state.stop_decisions and state.status == "finished"
    assert unlucky not in {each.id for feedback in state.feedbacks.values() for each in feedback.unscored}
    trainer.ends = {}
    assert search(settings, tmp_path, Quiet()).results[unlucky].status == "done"


def test_what_erred_is_trained_when_the_next_round_begins(tmp_path: Path, trainer: Trainer, ids: list[str]) -> None:
    trainer.errors = {ids[0]: 2}
    state = search(config(rounds=2, finalize=NO_TEST), tmp_path, Quiet())
    rows = [next(row for row in ranking.rows if row.id == ids[0]) for ranking in state.rankings]
    assert [row.status for row in rows] == ["error", "trained"]
    # It was in time for the request of the second round.
    first = next(
        i
        for i, e in enumerate(events(tmp_path))
        if e["event"] == "trained" and e["result"]["status"] == "done" and e["result"]["id"] == ids[0]
    )
    assert events(tmp_path)[first + 1]["event"] == "proposed"


@pytest.mark.parametrize(("limit", "tried", "rounds"), [(1, 1, 0), (2, 2, 0), (3, 6, 1)])
def test_a_search_stops_after_errors_in_a_row_over_different_candidates(
    tmp_path: Path, trainer: Trainer, ids: list[str], limit: int, tried: int, rounds: int
) -> None:
    trainer.ends = dict.fromkeys(ids, "error")
    settings = config(train={"baseline_seeds": 1, "max_infrastructure_errors": limit})
    with pytest.raises(MachineError, match="because; fix the cause"):
        search(settings, tmp_path, Quiet())
    assert (len(trainer.trained) - 2, read_run(tmp_path).rounds_done) == (tried, rounds)
    assert read_run(tmp_path).status == "failed" and not read_run(tmp_path).test_opened
    trainer.ends = {}
    assert search(config(), tmp_path, Quiet()).status == "finished"


def test_a_run_that_ends_well_ends_the_row_of_errors(tmp_path: Path, trainer: Trainer, ids: list[str]) -> None:
    trainer.ends = {ids[0]: "error", ids[3]: "error"}
    settings = config(rounds=2, finalize=NO_TEST, train={"baseline_seeds": 1, "max_infrastructure_errors": 2})
    assert search(settings, tmp_path, Quiet()).status == "finished"


def test_an_arm_that_errs_is_left_out_of_the_test_and_stays_out(tmp_path: Path, trainer: Trainer) -> None:
    trainer.ends = {"ensemble-top2": "error"}

    def interrupt() -> None:
        raise KeyboardInterrupt

    trainer.before_test = interrupt
    with pytest.raises(KeyboardInterrupt):
        search(config(), tmp_path, Quiet())
    assert len(read_run(tmp_path).test_opened) == 1
    trainer.before_test, trainer.ends = lambda: None, {}
    tried = trainer.trained.count("ensemble-top2")
    state = search(config(), tmp_path, Quiet())
    assert trainer.trained.count("ensemble-top2") == tried == 2
    assert state.final is not None and len(state.test_opened) == 1
    rows = {row.id: row for row in state.final.rows}
    assert (rows["ensemble-top2"].status, rows["ensemble-top2"].reason) == ("failed", "with seed 1: because")
    assert rows[BASELINE].status == "done" and not any("ensemble-top2" in name for name in trainer.tested)
