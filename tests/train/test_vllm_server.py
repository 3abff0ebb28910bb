"""The server that the engine `vllm` starts: who shares it, when it ends, and what becomes of one that fails."""

import itertools
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

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.train.engines.vllm.client import Client
from rewardsearch.train.engines.vllm.server import Server, server_options

FAKE = [sys.executable, str(Path(__file__).parents[1] / "helpers" / "fake_vllm.py")]
POLICY: Any = None
"""The policy itself is only needed where it is not on disk as it is trained."""
ASK = {"model": "policy", "prompt": [[5]], "max_tokens": 8, "temperature": 0.0}
USER = """
import sys
from rewardsearch.config import load_config
from rewardsearch.train.engines.vllm.server import Server
Server(load_config(sys.argv[1]), None, None).connect()
print("connected", flush=True)
sys.stdin.read()
"""
"""A process that uses the server until it is ended."""


def configured(folder: Path, *options: str, **settings: Any) -> Config:
    """A config whose server notes its starts in `folder`; servers of other tests are not shared."""
    vllm = {"command": [*FAKE, "--notes", str(folder / "notes"), *options], **settings}
    return parse_config({"train": {"engine": "vllm", "slots": 3, "vllm": vllm}}, "test")


def starts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()]


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def asked(client: Client) -> list[int]:
    return client.complete([ASK])[0][0].ids


def test_processes_on_a_device_share_a_server_which_ends_with_the_last(tmp_path: Path) -> None:
    config = configured(tmp_path)
    first, second = Server(config, POLICY, None), Server(config, POLICY, None)
    answer = asked(first.connect())
    assert asked(second.connect()) == answer
    [start] = starts(tmp_path)
    assert start["runtime"] == "1" and start["model"].endswith("policy")
    first.close()
    assert lives(start["pid"]) and asked(second.connect()) == answer
    second.close()
    assert not lives(start["pid"])
    assert not Path(start["uds"]).parent.exists()


def test_a_server_ends_with_the_process_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(configured(tmp_path).model_dump_json())
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(tmp_path / "config.yaml")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with user:
        assert user.stdout is not None and user.stdout.readline() == b"connected\n"
        [start] = starts(tmp_path)
        assert lives(start["pid"])
        user.kill()
    until(lambda: not lives(start["pid"]) and not Path(start["uds"]).parent.exists())


def test_a_server_ends_with_its_keeper(tmp_path: Path) -> None:
    server = Server(configured(tmp_path), POLICY, None)
    asked(server.connect())
    [start] = starts(tmp_path)
    os.kill(start["parent"], signal.SIGKILL)
    until(lambda: not lives(start["pid"]))
    assert server.use(asked) and len(starts(tmp_path)) == 2
    server.close()


@pytest.mark.parametrize("fault", ["--die-once", "--hang-once"])
def test_a_server_that_fails_at_a_request_is_started_again_and_asked_again(tmp_path: Path, fault: str) -> None:
    server = Server(configured(tmp_path, fault, str(tmp_path / "failed"), timeout_minutes=0.1), POLICY, None)
    healthy = Server(configured(tmp_path), POLICY, None)
    assert server.use(asked) == healthy.use(asked)
    server.close()
    healthy.close()
    first, second, _ = starts(tmp_path)
    assert first["pid"] != second["pid"] and not lives(first["pid"])


def test_a_server_that_does_not_start_is_named_with_its_error_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"exit code 1 \(ValueError: no such option\).*train\.vllm\.command"):
        Server(configured(tmp_path, "--fail-start"), POLICY, None).connect()


def test_a_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    server = Server(configured(tmp_path, "--never-ready", timeout_minutes=0.1), POLICY, None)
    with pytest.raises(MachineError, match=r"0\.1 minutes.*train\.vllm\.timeout_minutes"):
        server.connect()
    until(lambda: not lives(starts(tmp_path)[0]["pid"]))


def test_the_options_follow_from_the_config(tmp_path: Path) -> None:
    config = configured(tmp_path, gpu_memory=0.25)
    lora = config.policy.lora.model_copy(update={"r": 33})
    policy = config.policy.model_copy(update={"lora": lora, "dtype": "bfloat16"})
    options = server_options(config.model_copy(update={"policy": policy}))
    given = dict(itertools.pairwise(options))
    assert given["--max-lora-rank"] == "64" and given["--gpu-memory-utilization"] == "0.25"
    assert given["--dtype"] == "bfloat16" and given["--max-loras"] == "3" and "--enable-lora" in options


def mistake(config: Config, start: Path | None = None) -> str:
    with pytest.raises(UserError) as caught:
        Server(config, POLICY, start).connect()
    return str(caught.value)


def test_mistakes_in_the_config_name_the_key_and_the_remedy(tmp_path: Path) -> None:
    def parsed(**vllm: Any) -> Config:
        return parse_config({"train": {"engine": "vllm", "vllm": vllm}}, "test")

    assert "train.vllm.command: got '/no/vllm'" in mistake(parsed(command=["/no/vllm", "serve"]))
    assert "rewardsearch[vllm]" in mistake(parsed())
    assert "sft.enabled" in mistake(parsed(url="http://localhost:1"), tmp_path)
    big = parse_config({"policy": {"lora": {"r": 600}}, "train": {"vllm": {"command": FAKE}}}, "test")
    assert "policy.lora.r: got 600" in mistake(big)
    for wrong in ({"url": "localhost:8000"}, {"url": "http://a", "command": ["vllm"]}, {"gpu_memory": 1.5}):
        with pytest.raises(UserError, match=r"train\.vllm"):
            parsed(**wrong)
    assert parsed(url="http://localhost:8000/v1/").train.vllm.url == "http://localhost:8000"
