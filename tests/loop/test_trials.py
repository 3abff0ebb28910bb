"""Racing, seeds of the baseline and what the journal says of them, with training played by functions."""

import hashlib
import json
import shutil
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from played import SMALL, Quiet, Trainer, answered

from rewardsearch.cli.status import status
from rewardsearch.config import Config, parse_config
from rewardsearch.errors import BudgetReached, MachineError, UserError
from rewardsearch.loop import finalize_run, search
from rewardsearch.records import BASELINE, FULL, Outcome, Rollout, TrainingJob
from rewardsearch.run.artifacts import CHECKPOINT, save_bank
from rewardsearch.run.events import BankSampled
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.run.state import RunState
from rewardsearch.session.opening import open_session
from rewardsearch.session.pending import steps_left
from rewardsearch.session.requests import current_ranking
from rewardsearch.session.runs import ranking_of
from rewardsearch.train.setup import BANK

RUNGS = [{"steps": 0.25, "questions": 0.5}, {"steps": 0.5, "questions": 1.0}]


def config(**settings: Any) -> Config:
    data = {
        **SMALL,
        "candidates": 6,
        "task": {"train_rows": 64, "val_rows": 200, "test_rows": 20},
        "race": {"enabled": True, "rungs": RUNGS},
        # Who is behind is told from the noise between seeds, which takes two of the baseline.
        "train": {"baseline_seeds": 2},
        **settings,
    }
    return parse_config(data, "test")


def apart(job: TrainingJob) -> tuple[Outcome, ...]:
    """Scores that grow with the steps, and far apart: three candidates in four know little, the fourth nearly all."""
    n = round(200 * (job.questions or 1))
    good = job.id != "policy" and (job.id == BASELINE or zlib.crc32(job.id.encode()) % 4 == 0)
    return answered(round(n * ((0.6 if good else 0.1) + job.steps / 200)), n)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == kind]


class Raced(NamedTuple):
    """A finished search whose race stopped candidates, and its training jobs."""

    state: RunState
    jobs: list[TrainingJob]


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Raced:
    trainer = Trainer(play=apart)
    with trainer.in_place():
        return Raced(search(config(), tmp_path_factory.mktemp("raced"), Quiet()), trainer.jobs)


def test_a_candidate_behind_at_a_rung_is_stopped_there_with_the_reason(raced: Raced) -> None:
    state, jobs = raced
    stopped = state.stop_decisions
    assert stopped and set(state.candidates) - set(stopped)
    for job in jobs:
        assert job.rung != FULL or job.id not in stopped
    rows = {row.id: row for row in state.rankings[-1].rows}
    for id, promotion in stopped.items():
        assert (rows[id].status, rows[id].f1, rows[id].reason) == ("stopped", None, promotion.message)
        assert rows[id].steps in (10, 20) and promotion.message.startswith(f"stopped at step {rows[id].steps}: ")
    whole = {job.id for job in jobs if job.rung == FULL}
    assert {row.id for row in state.rankings[-1].rows if row.rank is not None} == whole
    assert f"{len(stopped)} reward" in " ".join(state.feedbacks[1].lessons)
    assert {each.id for each in state.feedbacks[1].unscored if each.status == "stopped"} == set(stopped)


def test_a_race_stops_nobody_while_the_noise_between_seeds_is_unknown(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    assert not search(config(train={"baseline_seeds": 1}), tmp_path, Quiet()).stop_decisions


@pytest.mark.parametrize("holds", [True, False])
def test_a_rungs_ranks_drop_from_the_round_on_in_which_they_are_known_to_hold(
    tmp_path: Path, trainer: Trainer, holds: bool
) -> None:
    def play(job: TrainingJob) -> tuple[Outcome, ...]:
        n, quality = round(200 * (job.questions or 1)), zlib.crc32(job.id.encode()) % 100 / 100
        at_end = quality if holds or job.rung != FULL else 1 - quality
        return answered(round(n * (0.4 + 0.2 * at_end)), n)

    trainer.play = play
    race = {"enabled": True, "rungs": RUNGS, "min_candidates": 4}
    state = search(config(rounds=2, race=race, train={"baseline_seeds": 1}), tmp_path, Quiet())
    rounds = {state.candidates[id].round for id in state.stop_decisions}
    assert rounds == ({2} if holds else set())


def test_a_race_costs_the_steps_of_its_segments_alone(raced: Raced) -> None:
    state, jobs = raced
    rungs = Counter(job.rung for job in jobs if job.id not in ("policy", BASELINE))
    assert state.steps == 2 * 40 + 10 * rungs["rung1"] + 10 * rungs["rung2"] + 20 * rungs[FULL]


def test_each_segment_continues_the_one_before_under_the_schedule_of_the_whole(raced: Raced) -> None:
    segments = [job for job in raced.jobs if (job.id, job.seed) == (BASELINE, 0)]
    assert [(job.rung, job.steps, job.questions, job.schedule) for job in segments] == [
        ("rung1", 10, 0.5, 40),
        ("rung2", 20, 1.0, 40),
        (FULL, 40, None, None),
    ]
    assert [job.start for job in segments] == [None, segments[0].folder, segments[1].folder]


def test_the_race_is_off_by_one_line_and_a_raced_result_is_that_of_the_whole_run(
    tmp_path: Path, trainer: Trainer, raced: Raced
) -> None:
    trainer.play = apart
    whole = search(config(race={"enabled": False}), tmp_path, Quiet())
    assert all(job.rung == FULL for job in trainer.jobs)
    assert whole.steps == 40 * (2 + sum(v.accepted for v in whole.verdicts.values()))
    found = {folder: each for folder, each in raced.state.fingerprints.items() if "/full-" in folder}
    assert found.items() <= whole.fingerprints.items()


def test_an_interruption_after_a_segment_changes_nothing_in_the_end(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    settings = config(candidates=2)
    whole = search(settings, tmp_path / "whole", Quiet())
    runs = [job.folder for job in trainer.jobs]

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    for stop in range(1, len(runs), 3):
        trainer.jobs.clear()
        trainer.after_run = lambda id, stop=stop: interrupt() if len(trainer.jobs) == stop else None
        with pytest.raises(KeyboardInterrupt):
            search(settings, tmp_path / f"stopped-{stop}", Quiet())
        trainer.after_run = lambda id: None
        again = search(settings, tmp_path / f"stopped-{stop}", Quiet())
        assert [job.folder for job in trainer.jobs] == runs
        assert (again.rankings, again.promotions, again.feedbacks) == (
            whole.rankings,
            whole.promotions,
            whole.feedbacks,
        )


def test_a_budget_that_ends_in_the_middle_of_a_race_keeps_what_was_raced(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    trainer.after_run = lambda id: (tmp_path / "STOP").touch() if id not in ("policy", BASELINE) else None
    with pytest.raises(Exception, match="STOP is there"):
        search(config(), tmp_path, Quiet())
    (tmp_path / "STOP").unlink()
    trainer.after_run = lambda id: None
    before = [job.folder for job in trainer.jobs]
    search(config(), tmp_path, Quiet())
    after = [job.folder for job in trainer.jobs][len(before) :]
    assert not set(before) & set(after)
    with pytest.raises(BudgetReached):
        search(config(rounds=3, budget={"wall_clock_minutes": 1e-6}), tmp_path, Quiet())


def test_a_candidate_that_the_machine_failed_on_at_a_rung_is_raced_by_the_next_session(
    tmp_path: Path, trainer: Trainer, raced: Raced
) -> None:
    trainer.play, whole = apart, raced.state
    lost = next(iter(whole.stop_decisions))
    trainer.ends = {lost: "error"}
    first = search(config(), tmp_path, Quiet())
    assert first.results[lost].status == "error"
    assert ranking_of(first) is first.rankings[-1]
    trainer.ends = {}
    again = search(config(), tmp_path, Quiet())
    assert again.stop_decisions == whole.stop_decisions
    assert lost not in again.results
    # The stored leaderboard is not that of all that is known.
    assert ranking_of(again) == current_ranking(again) == whole.rankings[-1] != again.rankings[-1]


def test_the_baseline_is_trained_with_its_seeds_before_anything_is_proposed(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = lambda job: answered(100 + job.seed, 200)
    state = search(config(train={"baseline_seeds": 3}, race={"enabled": False}), tmp_path, Quiet())
    assert [(job.id, job.seed) for job in trainer.jobs[:4]] == [("policy", 0), *((BASELINE, seed) for seed in range(3))]
    noise = state.rankings[-1].noise
    assert noise is not None and list(noise.f1_by_seed) == [0, 1, 2]
    told = [lesson for lesson in state.feedbacks[1].lessons if "with the seed" in lesson]
    assert len(told) == 1 and f"{noise.seed_sd:.3f} (standard deviation) with the seed" in told[0]


def test_a_baseline_that_the_machine_failed_on_at_a_rung_is_trained_when_the_search_is_started_again(
    tmp_path: Path, trainer: Trainer, raced: Raced
) -> None:
    trainer.play = apart
    trainer.errors = {BASELINE: 2}
    with pytest.raises(MachineError, match="baseline could not be trained: because"):
        search(config(), tmp_path, Quiet())
    assert search(config(), tmp_path, Quiet()).rankings == raced.state.rankings


def test_a_lost_segment_is_trained_again_and_the_whole_run_stands(
    tmp_path: Path, trainer: Trainer, raced: Raced
) -> None:
    trainer.play, whole = apart, raced.state
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    lost = [BASELINE, next(row.id for row in whole.rankings[-1].rows if row.rank and row.id in whole.candidates)]
    for id in lost:
        shutil.rmtree(tmp_path / "candidates" / id / "training" / "rung1-0")
    again = search(config(), tmp_path, Quiet())
    assert [(job.id, job.rung) for job in trainer.jobs] == [(id, "rung1") for id in lost]
    assert again.results == whole.results
    assert read_run(tmp_path).results == whole.results


def test_the_checkpoint_of_who_does_not_go_on_is_not_kept(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    trainer.after_run = lambda id: (tmp_path / trainer.jobs[-1].folder / CHECKPOINT).mkdir()
    state = search(config(), tmp_path, Quiet())
    kept = {(job.id, job.rung) for job in trainer.jobs if (tmp_path / job.folder / CHECKPOINT).exists()}
    # Of those that go on it is the worker that removes the checkpoint.
    assert (BASELINE, "rung1") in kept
    assert state.stop_decisions and not kept & {(id, result.rung) for id, result in state.stopped.items()}


def test_the_journal_shows_that_no_test_row_was_read_before_finalize(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    final = {"ensembles": ["top2"], "random_k": 2}
    search(config(finalize=final), tmp_path, Quiet())
    opened = events(tmp_path, "test_opened")
    assert len(opened) == 1
    evaluated = events(tmp_path, "trained")
    assert all(event["time"] <= opened[0]["time"] for event in evaluated)
    for event in evaluated:
        said = event["evaluated"]
        rows = [f"q{i}" for i in range(said["questions"])]
        assert said["split"] == "val"
        assert said["sha256"] == hashlib.sha256("\n".join(rows).encode()).hexdigest()


def test_a_kill_between_the_runs_of_a_a_loses_none_of_them(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    settings = config(finalize={"ensembles": [], "controls": ["a-a"], "seeds": 3}, candidates=2)

    def interrupt(id: str) -> None:
        if trainer.trained.count("a-a") == 2:
            raise KeyboardInterrupt

    trainer.after_run = interrupt
    with pytest.raises(KeyboardInterrupt):
        search(settings, tmp_path, Quiet())
    trainer.after_run = lambda id: None
    before = read_run(tmp_path)
    # Two of three runs are on the disk, one of them without its line in the journal.
    assert before.arms["a-a"].seeds == (4, 5, 6) and steps_left(before).high == 2 * 40
    state = search(settings, tmp_path, Quiet())
    assert [(job.id, job.seed) for job in trainer.jobs if job.id == "a-a"] == [("a-a", seed) for seed in (4, 5, 6)]
    assert state.final is not None and state.final.seeds == (1, 2, 3)
    again = state.final.row("a-a")
    assert again is not None and list(again.f1_by_seed) == [4, 5, 6]
    assert {"a-a-4", "a-a-5", "a-a-6"} <= set(trainer.tested)


def test_a_second_finalize_says_that_the_test_has_been_opened_before(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    first = search(config(finalize={"ensembles": ["top2"], "random_k": 2}), tmp_path, Quiet())
    tested, heard = list(trainer.tested), Quiet()
    again = finalize_run(first.config, tmp_path, heard)
    assert trainer.tested == tested and again.final == first.final
    assert any(line.startswith("the test has been opened before, 20") for line in heard.said)
    assert any("nothing is read again" in line for line in heard.said)
    assert len(read_run(tmp_path).test_opened) == 1


def test_the_papers_protocol_ranks_on_the_test_and_says_so(
    tmp_path: Path, trainer: Trainer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    trainer.play = apart
    state = search(config(paper_protocol=True, train={"baseline_seeds": 3}), tmp_path, Quiet())
    assert state.rankings[-1].split == "test"
    assert all((job.rung, job.seed) == (FULL, 0) for job in trainer.jobs)
    assert events(tmp_path, "test_opened")[0]["time"] <= events(tmp_path, "trained")[0]["time"]
    assert {event["evaluated"]["split"] for event in events(tmp_path, "trained")} == {"test"}
    status(str(tmp_path))
    best = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("best"))
    assert best.endswith("on test")


def test_a_finalized_search_of_the_papers_protocol_takes_no_further_rounds(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = apart
    settings = {"paper_protocol": True, "candidates": 2, "finalize": {"ensembles": ["top2"], "controls": []}}
    assert search(config(**{**settings, "finalize": {"enabled": False}}), tmp_path, Quiet()).final is None
    assert search(config(**settings), tmp_path, Quiet()).final is not None
    with pytest.raises(UserError, match="rounds and finalize"):
        search(config(**settings, rounds=2), tmp_path, Quiet())


def test_a_bank_of_another_policy_than_is_there_now_is_told_once(tmp_path: Path, trainer: Trainer) -> None:
    told = Quiet()
    settings = config(bank={"enabled": True}, rounds=1, candidates=1)
    rollouts = tuple(
        Rollout(row="train-0", completion="", kind="unparsed", prediction=None, length=0) for _ in range(2)
    )
    with open_session(settings, tmp_path, told, settings.budget) as run:
        save_bank(tmp_path / BANK, rollouts)
        assert run.state.bank_fingerprint is None
        assert run.setup.bank() == rollouts and not any("rollout bank" in line for line in told.said)
        # A session was killed between the file and its event.
        assert run.state.bank_fingerprint == fingerprint("bank", settings)
        run.journal.append(BankSampled(fingerprint="of another", split="train", completions=2))
        assert run.setup.bank() == run.setup.bank() == rollouts
    (line,) = (line for line in told.said if "rollout bank" in line)
    assert line.startswith("warning: policy, data or task have changed")
