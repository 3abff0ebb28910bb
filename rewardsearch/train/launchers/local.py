"""Runs jobs in worker processes of this machine, side by side, one accelerator each where there are any."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rewardsearch.config import Config
from rewardsearch.run.devices import slots_of, visible_devices
from rewardsearch.train.launcher import Job
from rewardsearch.train.launchers.dispatch import PAUSE, Dispatcher, Slot, lines_of

COMMAND = (sys.executable, "-P", "-m", "rewardsearch.train.worker")
"""Starts a worker; the run's folder is added. -P: files in the current folder are no modules."""


@dataclass(kw_only=True)
class ProcessSlot(Slot):
    process: subprocess.Popen[bytes]
    buffer: bytes = b""

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        # It may have died: its end of file is read next.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line)
            self.process.stdin.flush()

    def kill(self) -> None:
        """Ends the process, dead or alive, and waits for its end."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Closes the pipes of a process that has ended."""
        self.out.close()
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


class LocalLauncher(Dispatcher[ProcessSlot]):
    """Up to `train.slots` worker processes on the run in the folder `run`.

    They do not see the environment variables of API keys. command: starts a worker; the run folder is added.
    """

    def __init__(self, run: Path, config: Config, command: Sequence[str] = COMMAND) -> None:
        super().__init__(run, config)
        self._command = command
        self._capacity = slots_of(config)
        devices = visible_devices() if config.policy.device != "cpu" else ()
        self._devices_each = min(1.0, len(devices) / self._capacity)
        self._selector = selectors.DefaultSelector()

    @property
    def pids(self) -> list[int]:
        """Of the processes that there are."""
        return [slot.process.pid for slot in self.slots]

    @property
    def devices_each(self) -> float:
        return self._devices_each

    def room(self) -> int:
        return self._capacity - len(self.slots)

    def spawn(self, number: int, log: Path) -> ProcessSlot:
        process = start_process(self._command, self.folder, self.config, number, log)
        slot = ProcessSlot(number, log, process=process)
        self._selector.register(slot.out, selectors.EVENT_READ, slot)
        return slot

    def send(self, slot: ProcessSlot, jobs: Sequence[Job]) -> None:
        slot.write(lines_of(jobs))

    def pause(self, slot: ProcessSlot) -> None:
        slot.write(PAUSE)

    def hear(self) -> Iterator[tuple[ProcessSlot, dict[str, Any] | None]]:
        for key, _ in self._selector.select(timeout=1.0):
            slot: ProcessSlot = key.data
            chunk = os.read(slot.out.fileno(), 65536)
            if not chunk:
                yield slot, None
                continue
            *lines, slot.buffer = (slot.buffer + chunk).split(b"\n")
            for line in lines:
                yield slot, json.loads(line)

    def end(self, slot: ProcessSlot) -> None:
        self._selector.unregister(slot.out)
        slot.kill()
        slot.close()

    def close(self) -> None:
        super().close()
        self._selector.close()


def start_process(command: Sequence[str], run: Path, config: Config, number: int, log: Path) -> subprocess.Popen[bytes]:
    """Starts worker `number` on the run in the folder `run`. Raises OSError where that is not possible now."""
    hidden, threads = config.secret_variables, config.train.threads
    with log.open("ab") as errors:
        return subprocess.Popen(
            [*command, str(run)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=worker_environment(os.environ, number, threads, hidden),
            # Ctrl-C goes to the search alone, which ends its workers itself.
            start_new_session=True,
        )


def worker_environment(
    environment: Mapping[str, str], number: int, threads: int, hidden: Sequence[str]
) -> dict[str, str]:
    """The environment of worker `number`: without the variables in `hidden`, one accelerator, `threads` threads."""
    out = {key: value for key, value in environment.items() if key not in hidden}
    out.update(
        OMP_NUM_THREADS=str(threads),
        MKL_NUM_THREADS=str(threads),
        TOKENIZERS_PARALLELISM="false",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TQDM_DISABLE="1",
    )
    if devices := visible_devices(environment):
        out["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return out
