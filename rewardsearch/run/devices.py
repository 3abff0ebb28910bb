"""The accelerators of this machine, and how many training processes run side by side on it.

torch is not imported here. NVIDIA's own tool lists its GPUs in a fraction of a second; where it is missing and there is an
accelerator's driver, a process of its own asks torch. Both are asked once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from rewardsearch.config import Config
from rewardsearch.run.policy_files import weight_bytes

_DRIVERS = ("nvidiactl", "kfd", "dxg")
"""The files in /dev without one of which there is no accelerator."""
_SMI = ("--query-gpu=uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_ASK = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
names = [torch.cuda.get_device_name(index) for index in range(count)]
print(json.dumps([(name, *torch.cuda.mem_get_info(index)) for index, name in enumerate(names)]))
"""
_ASK_S = 300
_SMI_S = 60
_CPU_SLOTS = 2
_PROCESS_BYTES = 2**30
"""What a training process needs beside the policy, at least: the libraries and the activations of a small batch."""
_POLICY = 1.5
"""What the policy needs in training, in sizes of its weights."""


class Accelerator(NamedTuple):
    """A GPU. id: what CUDA_VISIBLE_DEVICES takes. Memory is in bytes."""

    id: str
    name: str
    memory: int
    free: int

    def __str__(self) -> str:
        return f"{self.name} ({self.memory / 2**30:.0f} GiB, {self.free / 2**30:.0f} free)"


def visible_devices(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The ids of the accelerators that a process with this environment may use, the one with the most free memory first; what
    CUDA_VISIBLE_DEVICES names keeps its order."""
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(filter(None, map(str.strip, named.split(","))))
    return tuple(each.id for each in sorted(installed(), key=lambda each: -each.free))


@lru_cache
def accelerators() -> tuple[Accelerator, ...]:
    """The accelerators that torch sees here; empty where there are none, or torch does not load."""
    try:
        return ask_torch() if installed() else ()
    except OSError:
        return ()


@lru_cache
def ask_torch() -> tuple[Accelerator, ...]:
    """What torch sees, from a process of its own, in torch's order. Raises OSError where torch does not load."""
    command = [sys.executable, "-P", "-c", _ASK]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=_ASK_S, text=True)
        found = json.loads(asked.stdout)
    except subprocess.TimeoutExpired:
        raise OSError(f"torch did not answer within {_ASK_S} s") from None
    except ValueError:
        raise OSError((asked.stderr.strip().splitlines() or ["no answer"])[-1]) from None
    return tuple(Accelerator(str(index), name, memory, free) for index, (name, free, memory) in enumerate(found))


def slots_of(config: Config) -> int:
    """Training processes side by side: `train.slots`, else one for each accelerator with room for the policy, or on a CPU as
    many as cores and memory allow, two at most. At least one."""
    if config.train.slots is not None:
        return config.train.slots
    need = _PROCESS_BYTES + _POLICY * weight_bytes(config.policy)
    if config.policy.device != "cpu" and (devices := visible_devices()):
        full = {each.id for each in installed() if each.memory and each.free < need}
        return max(1, len(set(devices) - full))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_CPU_SLOTS, cores // config.train.threads, int(_free_memory() // need)))


@lru_cache
def installed() -> tuple[Accelerator, ...]:
    """The accelerators of this machine by the tools of its driver, whatever CUDA_VISIBLE_DEVICES says."""
    if tool := shutil.which("nvidia-smi"):
        try:
            told = subprocess.run([tool, *_SMI], capture_output=True, check=True, timeout=_SMI_S, text=True).stdout
            rows = [[cell.strip() for cell in line.split(",")] for line in told.splitlines() if line.strip()]
            return tuple(Accelerator(id, name, _mib(memory), _mib(free)) for id, name, memory, free in rows)
        except (OSError, subprocess.SubprocessError, ValueError):
            # No driver is loaded, or the tool is another one.
            return ()
    if not any((Path("/dev") / name).exists() for name in _DRIVERS):
        return ()
    try:
        return ask_torch()
    except OSError:
        return ()


def _mib(text: str) -> int:
    """Bytes; 0 for a device that does not say, whose memory is shared with the CPU."""
    return int(text) * 2**20 if text.isdigit() else 0


def _free_memory() -> int:
    """Bytes that new processes of this machine can use."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
