"""What doctor finds on this machine, and what it says of a machine that lacks something."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from raw_server import Send, raw
from tiny_models import tiny_model

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.resources import resource
from rewardsearch.propose.llm import server
from rewardsearch.records.findings import Finding
from rewardsearch.rewards.sandbox import Defences
from rewardsearch.run.devices import Accelerator
from rewardsearch.session import doctor
from rewardsearch.session.doctor import examine
from rewardsearch.session.preflight import check


def finding(name: str, config: Config | None = None) -> Finding:
    return next(found for found in examine(config or Config()) if found.name == name)


@pytest.fixture
def known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither devices nor sandbox are looked at, which takes seconds."""
    monkeypatch.setattr(doctor, "ask_torch", tuple)
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences((), (), 20))


def proposer_findings(config: Config) -> list[Finding]:
    found: list[Finding] = []
    for each in examine(config):
        if each.name == "proposer":
            found.append(each)
        elif found:
            break
    return found


def test_this_machine_can_search() -> None:
    findings = list(examine(Config()))
    assert [found for found in findings if found.status == "fail" and found.name != "disk"] == []
    packages = next(found.found for found in findings if found.name == "packages")
    assert {"torch", "trl", "transformers"} <= {entry.split()[0] for entry in packages.split(", ")}
    assert all(found.remedy for found in findings if found.status != "ok")


def test_a_missing_and_an_old_package_have_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = ["nonesuch>=1", "pydantic>=999", "rich>=13", "torch>=2; extra == 'x'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: wanted)
    assert finding("nonesuch") == Finding("nonesuch", "fail", "not installed", "pip install 'nonesuch>=1'")
    assert finding("pydantic").status == "fail"
    assert finding("pydantic").remedy == "pip install 'pydantic>=999'"
    assert finding("packages").found.startswith("rich ")


@pytest.mark.parametrize(
    ("policy", "status"), [({}, "ok"), ({"model": "Qwen/Qwen2.5-0.5B"}, "warn"), ({"device": "cuda"}, "fail")]
)
def test_no_accelerator_matters_as_far_as_the_config_needs_one(
    policy: dict[str, str], status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ask_torch", tuple)
    assert finding("devices", parse_config({"policy": policy}, "test")).status == status
    monkeypatch.setattr(doctor, "ask_torch", lambda: (Accelerator("0", "NVIDIA H200", 139 << 30, 100 << 30),))
    found = finding("devices", parse_config({"policy": policy}, "test"))
    assert found.status == "ok" and "NVIDIA H200 (139 GiB, 100 free)" in found.found and "train.slots: " in found.found


def test_layers_that_are_missing_warn_and_fail_when_they_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences(("uid", "no_new_privs"), ("run a program",), 18))
    required = parse_config({"sandbox": {"require": ["seccomp", "bubblewrap"]}}, "test")
    assert finding("sandbox uid").status == "ok"
    assert finding("sandbox landlock").status == "warn"
    assert finding("sandbox landlock", required).status == "warn"
    assert finding("sandbox seccomp", required).status == "fail"
    assert finding("sandbox bubblewrap", required).remedy == "set sandbox.bubblewrap: true"
    check = finding("sandbox self-check")
    assert (check.status, "could run a program" in check.found) == ("warn", True)


def test_whole_layers_that_leak_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = ("uid", "no_new_privs", "landlock", "seccomp")
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences(layers, ("run a program",), 18))
    assert finding("sandbox self-check").status == "fail"


def test_limits_that_do_not_hold_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("sandbox limits").status == "ok"
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences((), ("use more memory than allowed",), 20))
    assert finding("sandbox limits").found == "a candidate could use more memory than allowed"


def test_a_python_that_is_too_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.1")
    assert finding("python").status == "fail"
    assert "needs >=3.11" in finding("python").found


def test_a_sandbox_that_does_not_start_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(config: object) -> Defences:
        raise MachineError("the sandbox's worker did not start: it ended")

    monkeypatch.setattr(doctor, "inspect", broken)
    assert finding("sandbox").status == "fail"


def test_a_folder_that_cannot_be_written_and_a_full_disk_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: usage)
    assert finding("disk").status == "fail"
    usage.free = 5e9
    assert finding("disk").status == "warn"
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    assert finding("disk", Config(run_dir=str(tmp_path / "a" / "b"))).found == f"{tmp_path} is not writable"


def test_a_proposer_without_its_key_fails(known_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    unset = finding("proposer", parse_config({"propose": {"proposer": "llm"}}, "test"))
    assert unset.status == "fail" and "OPENAI_API_KEY" in unset.found + unset.remedy


@pytest.mark.parametrize(
    ("answer", "status", "named"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "ok", "key in OPENAI_API_KEY"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "warn", "key for it into OPENAI_API_KEY"),
        (None, "warn", "did not answer"),
        (b"", "fail", "base_url"),
    ],
    ids=["well", "refuses the key", "silent", "down"],
)
def test_the_server_is_asked_whether_it_is_there_and_takes_the_key(
    answer: bytes | None,
    status: str,
    named: str,
    known_machine: None,
    no_proxy: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(server, "REACH_S", 0.5 if answer is None else 30.0)
    said = threading.Event()

    def script(send: Send, _: bytes) -> None:
        if answer is None:
            said.wait(10.0)
        send(answer or b"")

    with raw(script) as asked:
        url = asked.url if answer != b"" else "http://127.0.0.1:9/v1"
        propose = {"proposer": "llm", "llm": {"base_url": url, "prices": {"gpt-5": {"input": 1, "output": 10}}}}
        found = proposer_findings(parse_config({"propose": propose}, "test"))
        said.set()
    assert found[-1].status == status and named in found[-1].message
    assert "sk-secret" not in "".join(each.message for each in found)
    assert (found[-1].remedy == "") == (status == "ok")


def test_a_model_without_a_price_warns(known_machine: None, no_proxy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with raw(lambda send, _: send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as asked:
        config = parse_config({"propose": {"proposer": "llm", "llm": {"base_url": asked.url}}}, "test")
        (_, warning) = proposer_findings(config)
    assert "gpt-5" in warning.found and "propose.llm.prices" in warning.remedy


def test_a_tracker_and_a_notification_that_cannot_work_warn_with_the_remedy(
    known_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    monkeypatch.delenv("NOTIFY_X", raising=False)
    config = parse_config({"trackers": ["trackio"], "notify": ["NOTIFY_X"]}, "test")
    for name, remedy in (("trackio", "rewardsearch[trackio]"), ("notify NOTIFY_X", "NOTIFY_X")):
        found = finding(name, config)
        assert found.status == "warn" and remedy in found.remedy


def test_the_command_prints_a_line_each_and_ends_with_2_when_something_fails(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cli("doctor")
    assert done.code == 0
    assert all(line.split()[0] in ("ok", "warn") for line in done.out.splitlines())
    monkeypatch.setattr(doctor, "inspect", lambda config: Defences((), ("run a program",), 18))
    done = cli("doctor", "--json")
    assert done.code == 0
    assert {"name": "proposer", "status": "ok", "found": "grammar", "remedy": ""} in json.loads(done.out)
    monkeypatch.setattr(doctor, "ask_torch", lambda: (_ for _ in ()).throw(OSError("libtorch.so")))
    assert cli("doctor").code == 2


def test_data_and_policy_are_looked_at_and_a_mistake_of_one_hides_none_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "#### nan"}\n', encoding="utf-8")
    task = {"name": "gsm8k", "train_file": str(tmp_path / "rows.jsonl"), "test_file": str(tmp_path / "rows.jsonl")}
    config = parse_config({"task": task, "policy": {"model": str(tmp_path / "nowhere")}}, "test")
    found = {each.name: each for each in examine(config) if each.name in ("data", "policy")}
    assert (found["data"].status, "rows.jsonl line 1" in found["data"].found) == ("fail", True)
    assert (found["policy"].status, "nowhere" in found["policy"].found) == ("fail", True)
    with pytest.raises(UserError) as refused:
        check(config)
    assert [line.split()[0] for line in refused.value.mistakes] == ["rows.jsonl", "policy.model:"]
    few = parse_config({"task": {"name": "arithmetic", "val_rows": 7}}, "test")
    found = {each.name: each for each in examine(few)}
    assert found["data"].status == found["policy"].status == "ok" and "7 val" in found["data"].found


def test_a_base_model_is_told_of_and_one_with_too_little_context_ends_the_dry_run(cli: Any, tmp_path: Path) -> None:
    lines = [json.dumps({"question": f"Tom has {i} pens?", "answer": f"#### {i}"}) for i in range(100)]
    for part, rows in (("train", lines[:60]), ("test", lines[60:])):
        (tmp_path / f"{part}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    model = tiny_model(tmp_path / "model", template=None, context=70, learned_positions=True)
    options = [f"--set=task.{part}_file={tmp_path / part}.jsonl" for part in ("train", "test")]
    command = (
        "run",
        resource("configs") / "gsm8k-cpu.yaml",
        "--dry-run",
        "--no-measure",
        f"--set=policy.model={model}",
        *options,
    )
    done = cli(*command, "--run-dir", tmp_path / "run")
    assert done.code == 2 and done.err.count("error: ") == 1
    assert "context of 70 tokens" in done.err and "train.max_completion_tokens" in done.err
    done = cli(*command, "--set=train.max_completion_tokens=8")
    assert done.code == 0 and "warning: policy.model: " in done.out and "no chat template" in done.out
