"""The benchmark of a real language model: its training runs are those of the search, it stops in time, and the page has its
figures. The slow test goes the whole way with a tiny model."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import final_report
from tiny_models import tiny_model

from rewardsearch.files.resources import PACKAGE
from rewardsearch.finalize.controls import load_references, reference_arms
from rewardsearch.records import BASELINE, Candidate, Verdict
from rewardsearch.rewards.base import load_base_rewards, spec_of
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.jobs import final_job, policy_job, segment_jobs
from rewardsearch.run.journal import read_run

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import real_model


def options(folder: Path, *more: str) -> list[str]:
    return ["--quick", "--run-dir", str(folder / "run"), *more]


def rows(folder: Path) -> list[str]:
    """GSM8K-shaped files, as options."""
    for part in ("train", "test"):
        found = [
            {"question": f"Tom has {i} {part} pens and buys 2. How many?", "answer": f"{i} + 2 = {i + 2}\n#### {i + 2}"}
            for i in range(3, 200)
        ]
        (folder / f"{part}.jsonl").write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
    return [f"--train={folder / 'train.jsonl'}", f"--test={folder / 'test.jsonl'}"]


def test_its_training_runs_are_those_that_the_search_and_finalize_do(tmp_path: Path) -> None:
    config = real_model.settings(real_model.parsed(options(tmp_path, "--steps", "5", "--set", "train.slots=3")))
    assert (config.train.steps, config.train.slots, config.sft.steps, config.candidates) == (5, 3, 2, 2)
    base = load_base_rewards(config.train.base_rewards)
    files = sorted(Path(config.propose.folder or "").glob("*.py"))
    codes = {file.stem: file.read_text(encoding="utf-8") for file in files}
    found = [Candidate(id=candidate_id(code), name=name, code=code) for name, code in codes.items()]
    jobs = real_model.jobs(config, found)
    for candidate in found:
        assert segment_jobs(candidate.id, [spec_of(candidate)], base, config)[0] in jobs
    assert segment_jobs(BASELINE, (), base, config)[0] in jobs and policy_job(0) in jobs
    judged = [(each, Verdict(candidate=each.id, accepted=True)) for each in load_references(config.finalize)]
    (harmful,) = reference_arms(judged, base, 5, config.finalize)
    assert [job for job in jobs if job.id == "reference-short_answer"] == [final_job(harmful, seed) for seed in (1, 2)]
    seeds = {id: sorted(job.seed for job in jobs if job.id == id) for id in {job.id for job in jobs}}
    assert [seeds[id] for id in (BASELINE, *(each.id for each in found))] == [[0, 1, 2]] * 3
    assert len(jobs) == len({job.folder for job in jobs}) == 12


def test_it_stops_after_its_minutes_with_the_code_of_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(real_model, "check", lambda config: ())
    monkeypatch.setattr(real_model, "measure", lambda *arguments: time.sleep(60))
    assert real_model.main(options(tmp_path, "--minutes", "0.005")) == 3
    assert "--minutes: 0.005" in capsys.readouterr().err
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_file_without_the_other_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert real_model.main(options(tmp_path, "--train", "train.jsonl")) == 2
    assert "task.test_file" in capsys.readouterr().err


def test_the_page_has_every_arm_with_its_gain_and_the_hardware() -> None:
    report = final_report()
    run = {"arm": BASELINE, "seed": 1, "status": "done", "length_first": 99.0, "length_last": 80.4}
    found: dict[str, Any] = {
        "hardware": {"kind": "cuda", "name": "NVIDIA H200", "cores": 16},
        "minutes": 7.5,
        "model": "SmolLM2",
        "settings": {"train": {"steps": 16, "prompts_per_step": 16, "group_size": 8}},
        "sft": {"rows": 6000, "steps": 120, "before": {"accuracy": 0.0}, "after": {"accuracy": 0.061}},
        "runs": [run | {"monitor_first": 0.05, "monitor_last": 0.075}, run | {"seed": 0}],
        "final": report.model_dump(mode="json", exclude={"pairs"}),
    }
    text = real_model.section(found)
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if line.startswith("|")}
    assert all(row.name in lines for row in report.rows)
    assert "+0.050 [-0.010, +0.110]" in lines["ensemble-top3"] and "0.010" in lines["ensemble-top3"]
    assert "| baseline | 1 | 99 to 80 | 0.050 to 0.075 |" in text and "| baseline | 0 |" not in text
    assert (
        "NVIDIA H200, 16 CPU cores" in text
        and "CPU:" not in text
        and "0.061 after" in text
        and report.conclusion is not None
    )
    assert report.conclusion.sentence in text
    found["hardware"]["kind"] = "cpu"
    assert "nothing about the rewards" in real_model.section(found)
    assert "Not measured" in real_model.section(None)


@pytest.mark.slow
def test_a_tiny_model_goes_the_whole_way_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "model")
    given = options(tmp_path, "--model", model, *rows(tmp_path), "--set", "train.max_completion_tokens=8")
    assert real_model.main(given) == 0
    events = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    trained = [event["folder"] for event in events if event["event"] == "trained"]
    assert len(trained) == len(set(trained)) == 12
    found = json.loads((tmp_path / "run" / "real-model.json").read_text(encoding="utf-8"))
    assert len(found["runs"]) == 11 and {run["steps"] for run in found["runs"]} == {2}
    assert {row["name"] for row in found["final"]["rows"]} >= {"baseline", "sft", "reference-short_answer"}
    assert (found["final"]["n"], found["final"]["seeds"], found["sft"]["steps"]) == (4, [1, 2], 2)
    assert found["hardware"]["name"] and real_model.section(found).count("\n| ") >= 5 + 8
    assert real_model.main(given) == 0
    assert len(read_run(tmp_path / "run").trainings) == 12
