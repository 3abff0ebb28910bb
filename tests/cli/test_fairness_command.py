import json
from pathlib import Path
from typing import Any

import pytest
from fakes import begin_with, book_training, candidate, screened
from rich.console import Console

from rewardsearch.cli.fair_table import print_fairness
from rewardsearch.config import parse_config
from rewardsearch.records import BASELINE, POLICY, Fairness, FinalReport, GroupRate, Outcome, Proposal, Row, Verdict
from rewardsearch.run.events import Finalized, Proposed, Validated
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.stats import fairness
from rewardsearch.tasks import load_task

JUDGES = candidate("judges", "11.0")
TASK = {"name": "resume", "train_rows": 8, "val_rows": 60, "test_rows": 8}


@pytest.fixture
def resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on resumes: a candidate that judges everyone right, and a baseline that selects by gender alone."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "demo"
    folder.mkdir(parents=True)
    config = parse_config({"task": TASK, "rank": {"resamples": 200}}, "test")
    task = load_task(config.task)

    def answered(row: Row, label: str) -> Outcome:
        return task.outcome(row, f"<solution> {label} </solution>")

    rows = task.rows("val")
    by_gender = [answered(row, "SELECTED" if row.groups["gender"] == "feminine" else "REJECTED") for row in rows]
    answers = {BASELINE: by_gender, POLICY: by_gender, JUDGES.id: [answered(row, row.answer) for row in rows]}
    with Journal.open(folder, config, ()) as journal:
        proposal = Proposal(candidates=(JUDGES,))
        journal.append(Proposed(round=1, attempt=0, proposal=proposal))
        verdict = Verdict(candidate=JUDGES.id, accepted=True)
        journal.append(Validated(verdict=verdict))
        for arm, outcomes in answers.items():
            book_training(journal, arm, screened(arm, "", outcomes=outcomes))
    return folder


def parsed(done: Any) -> Any:
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def finalize(folder: Path) -> None:
    """The baseline on the test, where it was chosen."""
    state = read_run(folder)
    document = fairness(BASELINE, [state.results[BASELINE].outcomes], groups_of(folder), seed=0, permutations=100)
    assert document is not None
    report = FinalReport(task="resume", n=60, chosen=BASELINE, rows=(), fairness=(document,))
    with Journal.open(folder, state.config, ()) as journal:
        journal.append(Finalized(report=report))


def groups_of(folder: Path) -> dict[str, dict[str, str]]:
    return {row.id: row.groups for row in load_task(read_run(folder).config.task).rows("val")}


def test_before_finalize_the_best_candidate_and_the_baseline_are_shown_on_val(cli: Any, resumes: Path) -> None:
    document = parsed(cli("fairness", resumes, "--json"))
    assert (document["split"], [arm["name"] for arm in document["arms"]]) == ("val", ["judges", "baseline"])
    gender = next(gap for gap in document["arms"][1]["gaps"] if gap["attribute"] == "gender")
    assert (gap := gender)["flagged"] and (gap["gap"], gap["ratio"], gap["high"]) == (1, 0, "feminine")
    assert not any(gap["flagged"] for gap in document["arms"][0]["gaps"])
    out = cli("fairness", resumes).out
    assert "SELECTED by group, judges:" in out and "baseline: gender: gap 1.000" in out


def test_one_arm_is_shown_by_its_name(cli: Any, resumes: Path) -> None:
    out = cli("fairness", "demo", "--arm", "baseline").out
    assert "SELECTED by group, baseline:" in out and "judges" not in out
    assert "FLAGGED: the answers depend on the group" in next(
        line for line in out.splitlines() if line.startswith("gender: gap")
    )


def test_the_fine_tuned_policy_is_found_by_its_name(cli: Any, resumes: Path) -> None:
    begin_with(resumes, parse_config({"task": TASK, "rank": {"resamples": 200}, "sft": {"enabled": True}}, "test"))
    assert "SELECTED by group, sft:" in cli("fairness", "demo", "--arm", "sft").out
    assert cli("show", "demo", "sft", "--json").out == cli("show", "demo", "policy", "--json").out
    assert cli("compare", "demo", "sft", "judges").code == 0


def test_after_finalize_the_test_is_shown(cli: Any, resumes: Path) -> None:
    finalize(resumes)
    document = parsed(cli("fairness", resumes, "--json"))
    assert (document["split"], [arm["arm"] for arm in document["arms"]]) == ("test", [BASELINE])
    assert parsed(cli("fairness", resumes, "--json", "--arm", "judges"))["split"] == "val"


def test_an_arm_without_a_score_is_the_users_mistake(cli: Any, resumes: Path) -> None:
    state = read_run(resumes)
    late = candidate("late", "12.0")
    with Journal.open(resumes, state.config, ()) as journal:
        proposal = Proposal(candidates=(late,))
        journal.append(Proposed(round=1, attempt=1, proposal=proposal))
    done = cli("fairness", resumes, "--arm", "late")
    assert done.code == 2 and done.err.startswith("error: late has no score in")


def test_a_task_without_groups_says_so_in_a_line(cli: Any, run: Path) -> None:
    done = cli("fairness", run)
    assert (done.code, done.err, len(done.out.splitlines())) == (0, "", 1) and done.out.startswith("no groups: ")
    assert parsed(cli("fairness", run, "--json"))["arms"] == []


def test_before_anyone_was_judged_it_says_so(cli: Any, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "new", parse_config({"task": TASK}, "test"), ()):
        pass
    done = cli("fairness", tmp_path / "new")
    assert done.code == 0 and str(tmp_path / "new") in done.out and not done.out.startswith("no groups")


def test_people_who_are_not_there_any_more_are_the_users_mistake(cli: Any, resumes: Path) -> None:
    assert TASK["val_rows"] == 60
    begin_with(resumes, parse_config({"task": {**TASK, "val_rows": 50}, "rank": {"resamples": 200}}, "test"))
    done = cli("fairness", resumes)
    assert done.code == 2
    assert "10 of 60 people" in done.err and "restore the data" in done.err


def test_attributes_that_cannot_be_tested_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    rate = {
        "rate": 0.5,
        "rate_ci": (0.4, 0.6),
        "gold_rate": 0.5,
        "recall": 0.5,
        "false_positive_rate": 0.5,
        "standardized_rate": 0.5,
    }
    sizes = {("town", "a"): 12, ("town", "b"): 3, ("town", "c"): 4, ("age", "old"): 10}
    groups = tuple(GroupRate(attribute=name, group=group, n=n, **rate) for (name, group), n in sizes.items())
    print_fairness([Fairness(arm="x", groups=groups, gaps=())], "SELECTED", {}, Console(width=200))
    out = capsys.readouterr().out
    assert "town: not tested" in out and "town: 2 groups" in out and "(7 people in all)" in out
    assert "age: not tested" in out and "--json" not in out.split("age: not tested")[1]
    assert [line.split()[1] for line in out.splitlines() if line.startswith(("town  ", "age  "))] == ["a", "old"]
