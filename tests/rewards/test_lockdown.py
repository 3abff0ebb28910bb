"""What the process layers hold by themselves: the static policy is off here, and the code reaches the real `os`."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rewardsearch.config import SandboxConfig
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, Sandbox
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS

BATCH = Batch(prompts=("q",), completions=("c",), answer=("3",))
ESCAPE = """
for cls in ().__class__.__base__.__subclasses__():
    if cls.__name__ == "_wrap_close":
        OS = cls.__init__.__globals__
LOAD = OS["sys"].modules["builtins"].__import__


def reward(prompts, completions, answer, **columns):
    return [float(breach())]


def breach():
"""


def attempt(sandbox: Sandbox, body: str) -> float:
    """What `breach` returns inside the worker, run without the static policy."""
    return sandbox.call(ESCAPE + body, BATCH).rewards[0]


@pytest.fixture(scope="module", params=["all", "uid", "landlock", "seccomp"])
def sandbox(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """A worker with every layer, and one without each of them."""
    layers = tuple(name for name in LAYERS if name != request.param)
    with Sandbox(SandboxConfig(call_s=2.0), layers=layers, static=lambda code: None) as box:
        if set(box.layers) != set(layers):
            pytest.skip(f"this system has {box.layers} only")
        yield box


def test_the_escape_itself_works(sandbox: Sandbox) -> None:
    assert attempt(sandbox, "    return len(OS['getcwd'].__name__)\n") == 6


def test_the_environment_is_empty(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSEARCH_CANARY", "secret")
    with Sandbox(SandboxConfig(), layers=sandbox.layers, static=lambda code: None) as fresh:
        assert attempt(fresh, "    return b'REWARDSEARCH_CANARY' in OS['environb']\n") == 0.0


@pytest.mark.parametrize(
    "body",
    [
        "    return OS['open']('/proc/PID/environ', 0)\n",
        "    return OS['open']('/etc/passwd', 0)\n",
        "    return OS['open']('TMP/pwned', OS['O_CREAT'] | OS['O_WRONLY'], 0o666)\n",
        "    return len(OS['read'](0, 1))\n",
        "    return OS['write'](1, b'x')\n",
        "    return OS['fork']()\n",
        "    return OS['posix_spawn']('/bin/true', ['/bin/true'], {})\n",
        "    OS['kill'](PID, 0)\n",
        "    return LOAD('_socket').socket().connect(('127.0.0.1', PORT)) is None\n",
        "    return LOAD('_socket').socket(LOAD('_socket').AF_UNIX, 2).fileno()\n",
    ],
)
def test_no_single_layer_is_the_only_lock(sandbox: Sandbox, body: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        values = {"PID": os.getpid(), "PORT": listener.getsockname()[1], "TMP": tmp_path}
        for name, value in values.items():
            body = body.replace(name, str(value))
        with pytest.raises(RewardFault) as caught:
            attempt(sandbox, body)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert caught.value.kind == "raised"
    assert caught.value.type in {"OSError", "PermissionError", "BlockingIOError", "ImportError", "ModuleNotFoundError"}
    assert list(tmp_path.iterdir()) == []


def test_killing_the_worker_harms_one_call_alone(sandbox: Sandbox) -> None:
    with pytest.raises(RewardFault) as caught:
        attempt(sandbox, "    OS['kill'](OS['getppid'](), 9)\n    return 1\n")
    assert caught.value.kind == ("raised" if "seccomp" in sandbox.layers else "died")
    assert attempt(sandbox, "    return 2\n") == 2.0


def test_a_forged_answer_is_checked_like_any_other(sandbox: Sandbox) -> None:
    body = "    OS['_exit'](0)\n"
    with pytest.raises(RewardFault) as caught:
        attempt(sandbox, body)
    assert caught.value.kind == "died"


def test_the_layers_in_force_are_told() -> None:
    with Sandbox(SandboxConfig()) as box:
        assert set(box.layers) <= set(LAYERS)
        assert "uid" in box.layers or os.getuid() == 0
    with Sandbox(SandboxConfig(), layers=()) as box:
        assert box.layers == ()
