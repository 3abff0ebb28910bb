"""What travels to a worker on another machine and back: on real processes that stand in for it, without a cluster."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import TrainingJob
from rewardsearch.run.artifacts import CHECKPOINT, PROGRESS, SFT
from rewardsearch.train.launcher import JOBS, EvaluateTest, FineTune, Job, SampleBank, TrainArm
from rewardsearch.train.launchers.node import Node
from rewardsearch.train.launchers.ray import RayLauncher
from rewardsearch.train.launchers.travel import needs_of, pack, place_private, private_files, receive, unpack

SCRIPT = """\
import json, os, pathlib, sys
run = pathlib.Path(sys.argv[1])
for line in sys.stdin:
    (job,) = json.loads(line)
    if job["id"] == "dies":
        os._exit(1)
    if job["id"] == "torn":
        print('{"event": "st', end="", flush=True)
        os._exit(1)
    if job["id"] == "breaks":
        print("out of memory", file=sys.stderr, flush=True)
        print(json.dumps({"event": "broken", "id": "breaks", "reason": "why"}), flush=True)
        continue
    folder = run / job["training"]["folder"]
    (folder / "progress").mkdir(parents=True)
    (folder / "progress" / "adapter").write_text("half")
    print(json.dumps({"event": "step", "id": job["id"], "step": 1, "of": 2, "unit": "steps"}), flush=True)
    print(json.dumps({"event": "step", "id": job["id"], "step": 2, "of": 2, "unit": "steps"}), flush=True)
    (folder / ".hidden.part").write_text("not complete")
    (folder / "environment.json").write_text(json.dumps(dict(os.environ)))
    (folder / "result.json").write_text((run / "earlier" / "checkpoint" / "adapter").read_text() + " and on")
    print(json.dumps({"event": "done", "id": job["id"]}), flush=True)
"""


def training(id: str, start: str | None = None) -> TrainArm:
    return TrainArm(id=id, training=TrainingJob(id=id, rewards=(), seed=0, steps=2, folder=id, start=start))


def line(*jobs: Job) -> bytes:
    return JOBS.dump_json(list(jobs))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Node]]:
    script = tmp_path / "worker.py"
    script.write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    nodes: list[Node] = []

    def make() -> Node:
        nodes.append(Node(Config().to_yaml(), "search", (sys.executable, str(script))))
        return nodes[-1]

    yield make
    for each in nodes:
        each.close()


def until(node: Node, last: str | None) -> list[Any]:
    """The events of a node up to the one of this name."""
    found: list[Any] = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found += node.events()
        if found and (found[-1] and found[-1]["event"]) == last:
            return found
    raise AssertionError(found)


def test_what_a_job_needs_reaches_its_worker_and_its_result_comes_back(
    node: Callable[[], Node], tmp_path: Path
) -> None:
    run, job = tmp_path / "run", training("a", start="earlier")
    (run / "earlier" / CHECKPOINT).mkdir(parents=True)
    (run / "earlier" / CHECKPOINT / "adapter").write_text("trained", encoding="utf-8")
    place = node()
    place.start(line(job), pack(run, needs_of([job], Config())), None)
    first, second, done = until(place, "done")
    assert first["files"] == {f"a/{PROGRESS}/adapter": b"half"} and "files" not in second
    assert set(done["files"]) == {f"a/{PROGRESS}/adapter", "a/environment.json", "a/result.json"}
    receive(run, job, done["files"])
    assert (run / "a" / "result.json").read_text(encoding="utf-8") == "trained and on"
    assert not (run / "earlier" / CHECKPOINT).exists()
    environment = json.loads(done["files"]["a/environment.json"])
    assert "OPENAI_API_KEY" not in environment and environment["OMP_NUM_THREADS"] == "1"


def test_the_end_of_the_log_comes_with_what_broke_and_a_death_is_told(node: Callable[[], Node]) -> None:
    place = node()
    place.start(line(training("breaks")), {}, None)
    (broken,) = until(place, "broken")
    assert broken["log"] == "out of memory\n"
    place.start(line(training("dies")), {}, None)
    assert until(place, None) == [None]
    place = node()
    place.start(line(training("torn")), {}, None)
    assert until(place, None) == [None]


def test_files_of_the_config_are_copied_to_the_same_path_and_go_at_the_end(
    node: Callable[[], Node], tmp_path: Path
) -> None:
    data = tmp_path / "data" / "rows.jsonl"
    data.parent.mkdir()
    data.write_text("{}", encoding="utf-8")
    config = parse_config({"task": {"kind": "numeric", "data": str(data)}}, "test")
    private = private_files(config)
    assert private == {str(data): b"{}"}
    environment = data.with_name("environment.py")
    environment.write_text("code", encoding="utf-8")
    judged = parse_config({"task": {"kind": "verifiers", "environment": str(environment)}}, "test")
    assert private_files(judged) == {str(environment): b"code"}
    place, other = node(), node()
    place.start(line(training("dies")), {}, private)
    place.close()
    # It was there before.
    assert data.read_bytes() == b"{}"
    data.unlink()
    place = node()
    place.start(line(training("dies")), {}, private)
    assert data.read_bytes() == b"{}"
    other.close()
    assert not data.exists()


def test_a_file_of_the_config_that_differs_is_the_users_mistake(node: Callable[[], Node], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("other", encoding="utf-8")
    place = node()
    place.start(line(training("a")), {}, {str(tmp_path / "rows.jsonl"): b"{}"})
    (event,) = until(place, "user_error")
    assert event["id"] == "a" and "rows.jsonl" in event["mistakes"][0]
    with pytest.raises(UserError, match="cannot be copied"):
        place_private({"/proc/nowhere/rows.jsonl": b"{}"}, tmp_path / "placed")


def test_a_job_needs_its_start_its_progress_its_adapter_and_the_fine_tuned_policy() -> None:
    tuned = parse_config({"sft": {"enabled": True}}, "test")
    jobs: list[Job] = [training("a", start="b"), EvaluateTest(id="t", adapter="c/adapter", file="t.jsonl")]
    assert needs_of(jobs, Config()) == [f"a/{PROGRESS}", "b", "c/adapter"]
    assert needs_of(jobs, tuned) == [f"a/{PROGRESS}", "b", SFT, "c/adapter"]
    assert needs_of([SampleBank(file="bank.jsonl")], tuned) == [SFT] and needs_of([FineTune()], tuned) == []


def test_a_folder_is_replaced_wholly_and_a_name_without_files_stays(tmp_path: Path) -> None:
    for name in ("a/old", "b/old"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("old", encoding="utf-8")
    unpack(tmp_path, ["a", "b", "c.jsonl"], {"a/in/new": b"new", "c.jsonl": b"rows"})
    found = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert found == {"a/in/new", "b/old", "c.jsonl"}


def test_ray_that_is_missing_and_an_address_without_a_cluster_are_the_users_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config({"train": {"ray": {"address": "127.0.0.1:1"}}}, "test")
    with monkeypatch.context() as missing, pytest.raises(UserError, match="pip install"):
        missing.setitem(sys.modules, "ray", None)
        RayLauncher(tmp_path, config)
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with pytest.raises(UserError, match=r"train\.ray\.address: got 127\.0\.0\.1:1"):
        RayLauncher(tmp_path, config)
