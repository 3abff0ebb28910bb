"""The local launcher on real processes that stand in for the training process: small scripts that speak its lines."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.run.jobs import policy_job
from rewardsearch.testing.launcher import LauncherSuite, arm
from rewardsearch.train import evaluate_test
from rewardsearch.train.launcher import Done, EvaluateTest, TrainArm
from rewardsearch.train.launchers import dispatch, local
from rewardsearch.train.launchers.local import LocalLauncher, worker_environment

SCRIPT = """\
import json, os, sys, threading, time
def say(**event):
    print(json.dumps(event), flush=True)
paused = threading.Event()
def listen():
    for line in sys.stdin:
        messages = json.loads(line)
        if isinstance(messages, dict):
            paused.set()
        else:
            paused.clear()
            threading.Thread(target=work, args=[messages]).start()
    os._exit(0)
def work(messages):
    with open(os.path.join(sys.argv[1], "groups"), "a") as groups:
        groups.write(" ".join(message["id"] for message in messages) + "\\n")
    for message in messages:
        carry_out(message["id"], message)
def carry_out(id, message):
    mark = os.path.join(sys.argv[1], "died-" + id)
    if id == "dies" or (id == "dies-once" and not os.path.exists(mark)):
        open(mark, "a").write("x")
        os._exit(1)
    if id == "hangs":
        time.sleep(60)
    if id == "waits":
        say(event="step", id=id, step=1, of=2, unit="steps")
        paused.wait(60)
        return say(event="paused", id=id)
    if id == "breaks":
        return say(event="broken", id=id, reason="OSError: disk full")
    if id == "full":
        return say(event="storage", id=id, message="no space is left on /x", exit_code=1)
    if id == "config":
        return say(event="user_error", id=id, mistakes=["policy.model: no such model"])
    if "file" in message:
        open(os.path.join(sys.argv[1], message["file"]), "w").close()
    say(event="step", id=id, step=1, of=1, unit="steps")
    say(event="done", id=id)
listen()
"""


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., LocalLauncher]:
    script = tmp_path / "worker.py"
    script.write_text(SCRIPT, encoding="utf-8")

    def launch(**train: float) -> LocalLauncher:
        settings = {"slots": 2, "retries": 2, "stall_minutes": 2 / 60, **train}
        return LocalLauncher(tmp_path, parse_config({"train": settings}, "test"), (sys.executable, str(script)))

    return launch


@pytest.fixture
def workers(launch: Callable[..., LocalLauncher]) -> LocalLauncher:
    return launch()


def jobs(*ids: str) -> list[EvaluateTest]:
    return [EvaluateTest(id=id, adapter=None, file=id) for id in ids]


def carry_out(workers: LocalLauncher, *ids: str, may_start: Callable[[], bool] = lambda: True) -> list[Done]:
    with closing(workers):
        return list(workers.run(jobs(*ids), may_start, lambda: True, lambda *_: None))


def test_every_message_is_carried_out(workers: LocalLauncher) -> None:
    done = carry_out(workers, "a", "b", "c", "d", "e")
    assert sorted(d.id for d in done) == ["a", "b", "c", "d", "e"]
    assert all(d.error is None for d in done)


def test_a_process_that_died_is_replaced_and_its_message_done(workers: LocalLauncher) -> None:
    assert sorted(d.id for d in carry_out(workers, "a", "dies-once", "b") if d.error is None) == ["a", "b", "dies-once"]


def test_a_message_that_kills_its_process_every_time_is_given_up_and_the_rest_done(
    workers: LocalLauncher, tmp_path: Path
) -> None:
    done = {d.id: d.error for d in carry_out(workers, "a", "dies", "b")}
    assert "its process died 3 times; see" in (done["dies"] or "")
    assert (tmp_path / "died-dies").read_text() == "xxx"
    assert (done["a"], done["b"]) == (None, None)


def test_a_process_that_falls_silent_is_given_up(launch: Callable[..., LocalLauncher]) -> None:
    done = {d.id: d.error for d in carry_out(launch(retries=0), "hangs", "a")}
    assert "its process said nothing for 2 s" in (done["hangs"] or "")
    assert done["a"] is None


def test_what_broke_in_a_process_is_told(workers: LocalLauncher) -> None:
    (done,) = carry_out(workers, "breaks")
    assert (done.error or "").startswith("OSError: disk full 3 times; see")


def test_a_config_found_wrong_by_a_worker_is_a_user_error(workers: LocalLauncher) -> None:
    with pytest.raises(UserError, match=r"policy\.model: no such model"):
        carry_out(workers, "config")


def test_a_full_disk_ends_all_work_at_once_and_is_no_fault_of_the_process(workers: LocalLauncher) -> None:
    with pytest.raises(MachineError, match="no space is left on /x"):
        carry_out(workers, "full", "a")


def test_a_process_that_died_where_the_disk_is_full_is_not_blamed(
    workers: LocalLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "full_disk", lambda *places: MachineError(f"no space is left on {places[0]}"))
    with pytest.raises(MachineError, match="no space is left"):
        carry_out(workers, "dies")


def test_what_was_right_for_an_earlier_message_is_not_the_users_mistake(workers: LocalLauncher) -> None:
    done = {d.id: d.error for d in carry_out(workers, "a", "a", "a", "config")}
    assert done["a"] is None and (done["config"] or "").startswith("policy.model: no such model 3 times; see")


def test_a_process_that_cannot_be_started_is_tried_again_and_then_given_up(
    launch: Callable[..., LocalLauncher], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    real = subprocess.Popen

    def popen(*arguments: Any, **options: Any) -> Any:
        started.append(len(started))
        if len(started) in (1, 3, 4, 5):
            raise OSError(11, "Resource temporarily unavailable")
        return real(*arguments, **options)

    monkeypatch.setattr(local.subprocess, "Popen", popen)
    assert carry_out(launch(slots=1), "a") == [Done("a")]
    (given_up,) = carry_out(launch(slots=1), "b")
    assert "Resource temporarily unavailable" in (given_up.error or "") and len(started) == 5


def test_what_dies_is_tried_once_more_after_the_others(launch: Callable[..., LocalLauncher], tmp_path: Path) -> None:
    read: list[str] = []
    with (
        closing(launch(slots=1, retries=0)) as few,
        pytest.raises(MachineError, match="the test could not be read for dies"),
    ):
        for name, _ in evaluate_test(jobs("dies-once", "a", "dies"), few, tmp_path, lambda: True, lambda *_: None):
            read.append(name)
    assert read == ["a", "dies-once"]
    assert (tmp_path / "died-dies").read_text() == "xx"


def test_nothing_new_is_started_once_it_may_not(workers: LocalLauncher) -> None:
    answers = chain([True], repeat(False))
    assert [d.id for d in carry_out(workers, "a", "b", "c", may_start=lambda: next(answers))] == ["a"]


def arms(*ids: str) -> list[TrainArm]:
    return [TrainArm(id=id, training=arm(id, 0)) for id in ids]


def groups(tmp_path: Path) -> list[str]:
    return (tmp_path / "groups").read_text().splitlines()


def test_arms_are_spread_over_the_slots_and_then_given_to_a_process_together(
    launch: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    policy = TrainArm(id="policy", training=policy_job(0))
    given = [*arms("a", "b", "c", "d", "e"), *jobs("test"), policy, *arms("f")]
    with closing(launch(arms=8)) as workers:
        assert len(list(workers.run(given, lambda: True, lambda: True, lambda *_: None))) == 8
    assert sorted(groups(tmp_path)) == ["a b c", "d e f", "policy", "test"]
    with closing(launch(arms=2)) as workers:
        assert len(list(workers.run(given, lambda: True, lambda: True, lambda *_: None))) == 8
    assert max(len(group.split()) for group in groups(tmp_path)[4:]) == 2


def test_what_dies_or_breaks_among_others_costs_them_nothing(
    launch: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    with closing(launch(arms=8, slots=1, retries=1)) as workers:
        given = arms("a", "breaks", "b", "dies", "c", "dies-once")
        done = {d.id: d.error for d in workers.run(given, lambda: True, lambda: True, lambda *_: None)}
    assert [id for id, error in done.items() if error is None] == ["a", "b", "c", "dies-once"]
    assert "disk full 2 times" in (done["breaks"] or "") and "died 2 times" in (done["dies"] or "")
    # The end among others does not count: each has all its tries alone.
    assert groups(tmp_path)[1:].count("breaks") == 2
    assert groups(tmp_path)[0] == "a breaks b dies c dies-once" and (tmp_path / "died-dies").read_text() == "xxx"
    assert all(" " not in group for group in groups(tmp_path)[1:])


def test_running_arms_are_paused_and_the_rest_is_left_out(launch: Callable[..., LocalLauncher]) -> None:
    seen: list[str] = []
    with closing(launch(arms=2, stall_minutes=1)) as workers:
        given = arms("waits", "b", "hangs", "c")
        began = time.monotonic()
        asked = workers.run(given, lambda: True, lambda: not seen, lambda id, *_: seen.append(id))
        done = {(d.id, d.paused, d.error) for d in asked}
        # What has said nothing yet has nothing to save, and is not waited for.
        assert done == {("waits", True, None), ("b", False, None), ("hangs", True, None), ("c", True, None)}
        assert list(workers.run(given, lambda: True, lambda: False, lambda *_: None)) == []
        assert [d.id for d in workers.run(arms("e"), lambda: True, lambda: True, lambda *_: None)] == ["e"]
        assert time.monotonic() - began < 30


def test_processes_hold_the_accelerators_that_they_share(
    launch: Callable[..., LocalLauncher], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {}
    for visible in ("", "0", "0,1,2"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        workers = launch()
        assert workers.device_seconds == 0
        began = time.monotonic()
        carry_out(workers, "a")
        held[visible] = workers.device_seconds / (time.monotonic() - began)
    # One of two processes was started.
    assert held[""] == 0 < held["0"] < 0.51 < held["0,1,2"] < 1.01


def test_workers_are_ended_on_close(workers: LocalLauncher) -> None:
    with closing(workers):
        list(workers.run(jobs("a"), lambda: True, lambda: True, lambda *_: None))
        pids = workers.pids
        assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_never_sees_the_api_key() -> None:
    environment = worker_environment({"OPENAI_API_KEY": "sk", "HOME": "/h"}, 0, 1, ["OPENAI_API_KEY"])
    assert "OPENAI_API_KEY" not in environment
    assert (environment["HOME"], environment["OMP_NUM_THREADS"]) == ("/h", "1")


def test_each_worker_has_one_accelerator() -> None:
    seen = [worker_environment({"CUDA_VISIBLE_DEVICES": "2,5"}, n, 1, [])["CUDA_VISIBLE_DEVICES"] for n in range(3)]
    assert seen == ["2", "5", "2"]


class TestLocal(LauncherSuite):
    launcher_class = LocalLauncher
