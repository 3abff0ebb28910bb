"""The local launcher on real processes that stand in for the training process: small scripts that speak its lines."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.testing.launcher import LauncherSuite
from rewardsearch.train import evaluate_test
from rewardsearch.train.launcher import Done, EvaluateTest
from rewardsearch.train.launchers import local
from rewardsearch.train.launchers.local import LocalLauncher, worker_environment

SCRIPT = """\
import json, os, sys, time
for line in sys.stdin:
    (message,) = json.loads(line)
    id = message["id"]
    mark = os.path.join(sys.argv[1], "died-" + id)
    if id == "dies" or (id == "dies-once" and not os.path.exists(mark)):
        open(mark, "a").write("x")
        os._exit(1)
    if id == "hangs":
        time.sleep(60)
    if id == "breaks":
        print(json.dumps({"event": "broken", "id": id, "reason": "OSError: disk full"}), flush=True)
        continue
    if id == "full":
        print(json.dumps({"event": "storage", "id": id, "message": "no space is left on /x", "exit_code": 1}), flush=True)
        continue
    if id == "config":
        print(json.dumps({"event": "user_error", "id": id, "mistakes": ["policy.model: no such model"]}), flush=True)
        continue
    os.makedirs(os.path.dirname(os.path.join(sys.argv[1], message["file"])), exist_ok=True)
    open(os.path.join(sys.argv[1], message["file"]), "w").close()
    print(json.dumps({"event": "step", "id": id, "step": 1, "of": 1, "unit": "steps"}), flush=True)
    print(json.dumps({"event": "done", "id": id, "pid": os.getpid()}), flush=True)
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
    monkeypatch.setattr(local, "full_disk", lambda *places: MachineError(f"no space is left on {places[0]}"))
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


def test_workers_are_ended_on_close(workers: LocalLauncher) -> None:
    with closing(workers):
        list(workers.run(jobs("a"), lambda: True, lambda: True, lambda *_: None))
        pids = [slot.process.pid for slot in workers._slots]
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
