"""Which accelerators a machine has, and how many training processes run side by side."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rewardsearch.config import Config, PolicyConfig, parse_config
from rewardsearch.run import devices
from rewardsearch.run.devices import Accelerator, accelerators, ask_torch, installed, slots_of, visible_devices
from rewardsearch.run.policy_files import weight_bytes

TWO = "GPU-a, NVIDIA H200, 143771, 2000\nGPU-b, NVIDIA H200, 143771, 140000\n"


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    asked = (installed, accelerators, ask_torch)
    for each in asked:
        each.cache_clear()
    yield
    for each in asked:
        each.cache_clear()


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a tool of this name and output first in PATH."""

    def put(output: str, code: int = 0) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'E'\n{output}E\nexit {code}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return put


def config(**sections: object) -> Config:
    return parse_config(sections, "test")


def test_the_tool_of_the_driver_lists_the_gpus_and_the_one_with_most_room_is_used_first(
    driver: Callable[..., None],
) -> None:
    driver(TWO)
    assert installed()[0] == Accelerator("GPU-a", "NVIDIA H200", 143771 << 20, 2000 << 20)
    assert visible_devices({}) == ("GPU-b", "GPU-a")
    assert visible_devices({"CUDA_VISIBLE_DEVICES": "0,GPU-b"}) == ("0", "GPU-b")
    assert visible_devices({"CUDA_VISIBLE_DEVICES": ""}) == ()


def test_a_tool_without_a_driver_and_a_machine_without_a_tool_have_none(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    driver("No devices were found\n", 6)
    assert installed() == () == accelerators()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    installed.cache_clear()
    assert bool(installed()) == any(Path("/dev", name).exists() for name in ("nvidiactl", "kfd", "dxg"))


def test_one_process_for_each_gpu_that_has_room_for_the_policy(
    driver: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(TWO)
    assert slots_of(config()) == 2
    monkeypatch.setattr(devices, "weight_bytes", lambda policy: 2 << 30)
    assert slots_of(config()) == 1
    monkeypatch.setattr(devices, "weight_bytes", lambda policy: 200 << 30)
    assert slots_of(config()) == 1
    assert slots_of(config(train={"slots": 12})) == 12
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6,7")
    assert slots_of(config()) == 3


def test_two_processes_on_a_cpu_where_cores_and_memory_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = {"device": "cpu"}
    for cores, threads, expected in ((64, 1, 2), (2, 1, 2), (2, 2, 1), (1, 1, 1), (8, 3, 2), (1, 4, 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: set(range(cores)), raising=False)
        assert slots_of(config(policy=cpu, train={"threads": threads})) == expected
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(devices, "weight_bytes", lambda policy: 1 << 60)
    assert slots_of(config(policy=cpu)) == 1


def test_the_memory_of_a_policy_follows_from_its_files_and_its_dtype(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": np.zeros((3, 5), np.float16), "b": np.zeros(7, np.float32)}, tmp_path / "model.safetensors")
    model, count = str(tmp_path), 22
    assert weight_bytes(PolicyConfig(model=model)) == 4 * count
    assert weight_bytes(PolicyConfig(model=model, dtype="bfloat16")) == 2 * count
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    assert weight_bytes(PolicyConfig(model=model)) == 0
    assert weight_bytes(PolicyConfig(model="org/nowhere")) == 0


def test_a_torch_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ImportError: libtorch.so' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(devices.sys, "executable", str(broken))
    with pytest.raises(OSError, match=r"libtorch\.so"):
        ask_torch()
    broken.write_text(f"#!/bin/sh\necho '{json.dumps([['NVIDIA H200', 5, 9]])}'\n")
    assert ask_torch() == (Accelerator("0", "NVIDIA H200", 9, 5),)


def test_a_torch_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(command: list[str], *, timeout: float, **others: object) -> None:
        raise devices.subprocess.TimeoutExpired(command, timeout)

    ask_torch.cache_clear()
    monkeypatch.setattr(devices.subprocess, "run", silent)
    with pytest.raises(OSError, match="did not answer"):
        ask_torch()
