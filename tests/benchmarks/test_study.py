"""A study of two seeds from its first run to its page, with real searches whose training is played."""

import json
import sys
from pathlib import Path
from statistics import fmean

import pytest
from made_study import Numbers
from played import Trainer
from rich.console import Console

from rewardsearch.errors import Interrupted
from rewardsearch.files.resources import PACKAGE
from rewardsearch.run.jobs import training_job
from rewardsearch.run.journal import read_run

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import study
import study_further
import study_numbers
import study_page
import study_plan

SMALL = [
    "rounds=2",
    "candidates=2",
    "task.train_rows=64",
    "task.val_rows=20",
    "task.test_rows=20",
    "bank.enabled=false",
    "rank.resamples=100",
    "train.baseline_seeds=1",
    "finalize.seeds=2",
    "finalize.random_k=2",
]
SEEDS = (0, 11)


def row(numbers: Numbers, run: str, arm: str) -> Numbers:
    (found,) = [each for each in numbers["runs"] if each["name"] == run]
    return next(each for each in found["arms"] if each["id"] == arm)


def test_a_study_runs_resumes_and_is_written_from_its_run_folders(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, console = tmp_path / "runs", Console(quiet=True)
    planned = study_plan.plan(SEEDS, runs, SMALL)
    only = ["search-0", "search-11"]

    trainer.after_run = lambda id: (_ for _ in ()).throw(KeyboardInterrupt) if len(trainer.trained) == 6 else None
    with pytest.raises(KeyboardInterrupt):
        study.carry_out(planned, runs, [], only, console)
    numbers = study_numbers.collect(planned, runs)
    assert "final arms not read" in numbers["runs"][0]["status"]
    trainer.after_run = lambda id: None
    assert study.carry_out(planned, runs, [], only, console)
    trained = len(trainer.jobs)
    assert study.carry_out(planned, runs, [], only, console)
    assert len(trainer.jobs) == trained == sum(len(read_run(runs / name).trainings) for name in only)

    numbers = json.loads(study_numbers.ordered_json(study_numbers.collect(planned, runs)))
    status = {each["name"]: each["status"] for each in numbers["runs"]}
    assert {name for name, each in status.items() if each == "done"} == set(only)
    first = numbers["runs"][0]
    of_last = [each["f1"] for each in first["candidates"] if each["round"] == 2 and each["f1"] is not None]
    assert first["rounds"][-1]["mean"] == pytest.approx(fmean(of_last), abs=1e-4)
    assert first["cost"]["best"]["f1"] == max(each["f1"] for each in first["candidates"] if each["f1"] is not None)
    gap = row(numbers, "search-0", first["chosen"])["f1"] - row(numbers, "search-0", "average")["f1"]
    assert first["over"]["average"]["gain"] == pytest.approx(gap, abs=2e-4)
    pairs = numbers["a_a"]
    assert [(pair["run"], pair["against"]) for pair in pairs] == [
        ("search-0", "search-0"),
        ("search-0", "search-11"),
        ("search-11", "search-11"),
        ("search-11", "search-0"),
    ]
    assert all(not set(pair["seeds"]) & set(pair["against_seeds"]) for pair in pairs)
    own = row(numbers, "search-11", "a-a")
    assert [own["gain"], own["gain_ci"][0]] == pytest.approx([pairs[2]["gain"], pairs[2]["gain_ci"][0]], abs=2e-4)

    before = len(trainer.jobs)
    for _ in range(2):
        study_further.further(planned, runs, study.Quiet(console, "further"))
    arms = study_further.further_jobs(planned, runs)
    assert len(trainer.jobs) - before == len(arms) * 10
    numbers = study_numbers.collect(planned, runs)
    checked = numbers["further"]
    assert [each["run"] for each in checked] == ["search-0", "search-0", "search-11"]
    assert all(each["inside"] == (each["interval"][0] <= each["f1"] <= each["interval"][1]) for each in checked)
    assert numbers["further_left_out"] == []
    assert "`search-11`" in study_page.page_text({"study": numbers}, [])

    # A second run with the same arms adds none; an arm without one of its seeds is left out, and named.
    chosen = study_further.chosen_arms
    monkeypatch.setattr(study_numbers, "chosen_arms", lambda *of: [*chosen(*of)] * 2)
    assert study_numbers.collect(planned, runs)["further"] == checked
    (lost,) = (runs / "further").rglob(f"{checked[-1]['key']}-1003-*.jsonl")
    lost.unlink()
    numbers = study_numbers.collect(planned, runs)
    assert numbers["further"] == checked[:-1]
    assert [(each["run"], len(each["f1_by_seed"])) for each in numbers["further_left_out"]] == [("search-11", 9)]


def test_a_stop_file_ends_the_further_seeds(tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = study_plan.plan((0,), tmp_path, SMALL)
    job = training_job("baseline", (), (), 1001, 2)
    monkeypatch.setattr(study_further, "further_jobs", lambda planned, runs: {"key": [job]})
    (tmp_path / "further").mkdir()
    (tmp_path / "further" / "STOP").touch()
    with pytest.raises(Interrupted, match="STOP"):
        study_further.further(planned, tmp_path, study.Quiet(Console(quiet=True), "further"))
    assert not trainer.jobs
