"""Whole searches through the command line: real processes, real training on the embedded policy, a few steps each."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.run.artifacts import load_bank
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.tasks import load_task

SETTINGS = """\
rounds: 2
candidates: 2
task: {train_rows: 64, val_rows: 20, test_rows: 20}
bank: {questions: 4, group_size: 4}
train: {baseline_seeds: 2, steps: 2, prompts_per_step: 2, group_size: 2, slots: 1}
race: {rungs: [{steps: 0.5, questions: 0.5}]}
rank: {resamples: 100}
finalize: {seeds: 1, ensembles: [top2], controls: [format-only]}
"""
HOSTILE_SETTINGS = """\
rounds: 1
candidates: 7
task: {train_rows: 64, val_rows: 10, test_rows: 10}
bank: {questions: 8, group_size: 5}
train: {baseline_seeds: 1, steps: 3, prompts_per_step: 2, group_size: 5, slots: 1}
race: {enabled: false}
rank: {resamples: 100}
finalize: {enabled: false}
sandbox: {call_s: 1}
"""

GOOD = """\
import re

NUMBER = re.compile(r"<solution>(.*?)</solution>")


def reward(prompts, completions, answer, **columns):
    found = [NUMBER.findall(c) for c in completions]
    return {"right": [float(f[:1] == [f" {a} "]) for f, a in zip(found, answer)]}
"""

HOSTILE = {
    "endless_loop": "while True:\n        pass",
    "ten_gigabytes": "x = [0] * (10 * 2**30 // 8)\n    return [0.0 for c in completions]",
    "not_a_number": "return [float('nan') for c in completions]",
    "wrong_length": "return [1.0, 2.0, 3.0]",
    "raises_in_training": (
        "if 3 * len(completions) == 30:\n        raise ValueError('secret')\n"
        "    return [min(len(c), 90) / 90 for c in completions]"
    ),
}
COUNTS_CALLS = """\
CALLS = []


def reward(prompts, completions, answer, **columns):
    CALLS.append(1)
    if len(CALLS) >= 30:
        raise ValueError("secret")
    return [float(f" {a} " in c) for c, a in zip(completions, answer)]
"""

Command = Callable[..., "subprocess.Popen[str]"]


def workers_of(folder: Path) -> list[int]:
    """The training processes of the run in `folder`, by the whole path, which no other test run has."""
    found = subprocess.run(
        ["pgrep", "-f", f"rewardsearch.train.worker {folder}"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "rewardsearch", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=400)
    assert process.returncode == code, out + err
    return out, err


def rows(folder: Path, name: str) -> list[dict[str, object]]:
    out, _ = run(folder, "leaderboard", name, "--json")
    table = json.loads(out)["rows"]
    for row in table:
        del row["seconds"]
    return list(table)


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    (folder / "small.yaml").write_text(SETTINGS, encoding="utf-8")
    run(folder, "run", "small.yaml", "--run-dir", "whole")
    return folder


def test_a_search_leaves_a_leaderboard_feedback_and_a_test_table(undisturbed: Path) -> None:
    folder = undisturbed / "whole"
    state = read_run(folder)
    assert (state.status, state.rounds_done) == ("finished", 2)
    table = rows(undisturbed, "whole")
    assert {row["id"] for row in table} == {"baseline", "policy", *state.candidates}
    assert len(state.candidates) == 4
    for candidate in state.candidates.values():
        assert (folder / "candidates" / candidate.id / "reward.py").read_text(encoding="utf-8") == candidate.code
    second_prompt = (folder / "rounds" / "02" / "prompt.md").read_text(encoding="utf-8")
    first_round = [c for c in state.candidates.values() if c.round == 1]
    assert any(c.name in second_prompt for c in first_round)
    assert state.final is not None
    kinds = [row.kind for row in state.final.rows]
    assert {"baseline", "control", "policy", "single"} <= set(kinds)
    assert all(row.status == "done" and row.f1 is not None for row in state.final.rows)
    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(table)


def test_the_test_split_is_opened_once_after_everything_is_trained(undisturbed: Path) -> None:
    told = journal(undisturbed / "whole")
    events = [event["event"] for event in told]
    assert events.count("test_opened") == 1
    after = events[events.index("test_opened") :]
    assert [event for event in after if event != "test_read"] == ["test_opened", "final", "ended"]
    assert "test_read" not in events[: events.index("test_opened")]
    state = read_run(undisturbed / "whole")
    ids = [row.id for row in load_task(state.config.task).rows("val")]
    for event in told[: events.index("test_opened")]:
        if event["event"] == "trained":
            said = event["evaluated"]
            asked = "\n".join(ids[: said["questions"]])
            assert (said["split"], said["sha256"]) == ("val", hashlib.sha256(asked.encode()).hexdigest())


def test_every_reward_is_tried_on_the_rollout_bank_of_the_run(undisturbed: Path) -> None:
    folder = undisturbed / "whole"
    state, bank = read_run(folder), load_bank(folder / "bank.jsonl")
    assert bank is not None and len(bank) == 4 * 4
    train = {row.id for row in load_task(state.config.task).rows("train")}
    assert {rollout.row for rollout in bank} <= train
    assert all("bank_zero_std_fraction" in verdict.checks for verdict in state.verdicts.values() if verdict.accepted)


def test_candidates_are_raced_and_what_reached_the_end_was_trained_once(undisturbed: Path) -> None:
    state = read_run(undisturbed / "whole")
    raced = [result for folder, result in state.trainings.items() if "/rung" in folder]
    assert {result.rung for result in raced} == {"rung1"}
    whole = {id for id, result in state.results.items() if result.status == "done"}
    assert whole | set(state.stop_decisions) == {"baseline", "policy", *state.candidates}
    for id in whole - {"policy"}:
        mine = [result for result in state.trainings.values() if result.id == id and result.seed == 0]
        assert sum(result.trained for result in mine) == 2


def test_a_finished_run_started_again_does_nothing_twice(undisturbed: Path) -> None:
    before = rows(undisturbed, "whole")
    events = len(journal(undisturbed / "whole"))
    run(undisturbed, "run", "small.yaml", "--run-dir", "whole")
    told = journal(undisturbed / "whole")[events:]
    assert [event["event"] for event in told] == ["opened", "sandbox", "ended"]
    assert rows(undisturbed, "whole") == before


def wait_until(met: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if met():
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"it never came to that: {process.communicate()}")


def wait_for(path: Path, text: str, process: "subprocess.Popen[str]") -> None:
    wait_until(lambda: path.exists() and text in path.read_text(encoding="utf-8", errors="replace"), process)


def test_a_search_whose_processes_are_killed_and_stopped_ends_with_the_same_leaderboard(undisturbed: Path) -> None:
    folder = undisturbed / "stopped"
    # A run has no retry of its own: the one whose process is killed is an error, and is carried out again later.
    arguments = ("run", "small.yaml", "--run-dir", str(folder), "--set", "train.retries=0")

    def at(moment: str) -> "subprocess.Popen[str]":
        process = start(undisturbed, *arguments)
        wait_for(folder / JOURNAL, moment, process)
        # The journal may have had the line before; then the workers are still starting.
        wait_until(lambda: bool(workers_of(folder)), process)
        return process

    process = at('"id": "policy"')
    os.kill(workers_of(folder)[0], signal.SIGKILL)
    wait_for(folder / JOURNAL, '"status": "error"', process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert (read_run(folder).status, workers_of(folder)) == ("stopped", [])
    process = at('"round": 1, "ranking"')
    process.kill()
    process.communicate(timeout=60)
    run(undisturbed, *arguments)
    assert rows(undisturbed, "stopped") == rows(undisturbed, "whole")
    trained = [event for event in journal(folder) if event["event"] == "trained"]
    done = [event["folder"] for event in trained if event["result"]["status"] != "error"]
    assert len(done) == len(set(done)) == len(trained) - 1


def test_a_used_up_budget_ends_with_code_3_and_keeps_what_is_done(undisturbed: Path) -> None:
    name = "poor"
    options = ("--run-dir", name, "--set", "budget.wall_clock_minutes=0.01")
    _, err = run(undisturbed, "run", "small.yaml", *options, code=3)
    assert "budget.wall_clock_minutes" in err
    assert read_run(undisturbed / name).status == "budget"


def test_hostile_candidates_cost_seconds_and_are_told(tmp_path: Path) -> None:
    rewards = tmp_path / "rewards"
    rewards.mkdir()
    for name, body in HOSTILE.items():
        code = f"def reward(prompts, completions, answer, **columns):\n    {body}\n"
        (rewards / f"{name}.py").write_text(code, encoding="utf-8")
    (rewards / "counts_calls.py").write_text(COUNTS_CALLS, encoding="utf-8")
    (rewards / "good.py").write_text(GOOD, encoding="utf-8")
    text = f"{HOSTILE_SETTINGS}propose: {{proposer: folder, folder: {rewards}}}\n"
    (tmp_path / "hostile.yaml").write_text(text, encoding="utf-8")
    run(tmp_path, "run", "hostile.yaml", "--run-dir", "hostile")
    table = {row["name"]: row for row in rows(tmp_path, "hostile")}
    assert {name: table[name]["status"] for name in (*HOSTILE, "good", "counts_calls")} == {
        "endless_loop": "rejected",
        "ten_gigabytes": "rejected",
        "not_a_number": "rejected",
        "wrong_length": "rejected",
        "raises_in_training": "failed",
        "good": "trained",
        "counts_calls": "rejected",
    }
    assert table["raises_in_training"]["reason"] == "raised ValueError at line 3"
    assert "`CALLS` is changed by .append()" in table["counts_calls"]["reason"]
    feedback = (tmp_path / "hostile" / "rounds" / "01" / "feedback.md").read_text(encoding="utf-8")
    assert all(name in feedback for name in HOSTILE)
    assert "secret" not in feedback
    state = read_run(tmp_path / "hostile")
    slowest = max(state.verdicts.values(), key=lambda verdict: verdict.seconds)
    assert slowest.seconds < 15
