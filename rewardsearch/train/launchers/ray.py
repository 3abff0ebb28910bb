"""Runs jobs on the machines of a Ray cluster. docs/cluster.md says how to start one."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.run.devices import slots_of
from rewardsearch.train.launcher import JOBS, Job, SampleBank
from rewardsearch.train.launchers.dispatch import Dispatcher, Slot
from rewardsearch.train.launchers.node import Node
from rewardsearch.train.launchers.travel import needs_of, pack, private_files, progress_of, receive, results_of, unpack

AUTO = "auto"
"""The address of a cluster that runs on this machine."""
_CLOSE_S = _CONNECT_S = 10.0


@dataclass(kw_only=True)
class NodeSlot(Slot):
    actor: Any
    events: Any = None
    """The answer of the actor to the last question for events."""
    placed: bool = False
    """Whether the cluster has found room for it."""


class RayLauncher(Dispatcher[NodeSlot]):
    """Worker processes on the machines of a Ray cluster, as many as it has room for.

    The cluster is that of `train.ray.address`, else of the environment variable RAY_ADDRESS, else one that runs on this machine,
    else one that is started here with `train.slots` workers. Files travel with the jobs and the results: nothing is shared.
    """

    def __init__(self, run: Path, config: Config) -> None:
        """Raises UserError where Ray is not installed, or no cluster is at the address."""
        super().__init__(run, config)
        try:
            import ray
        except ImportError:
            raise UserError("train.launcher: ray needs the package ray; pip install 'rewardsearch[ray]'") from None
        self._module = ray
        self._address = config.train.ray.address or os.environ.get("RAY_ADDRESS") or AUTO
        self._connected = False
        """Whether it was this launcher that connected to the cluster."""
        self._search = uuid4().hex
        if self._address != AUTO and not ray.is_initialized():
            _check_reachable(self._address)

    @cached_property
    def _ray(self) -> Any:
        """Ray, connected to the cluster."""
        ray = self._module
        if ray.is_initialized():
            return ray
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        self._connected = True
        try:
            ray.init(address=self._address, **settings)
        except ConnectionError as error:
            if self._address != AUTO:
                raise MachineError(f"the Ray cluster at {self._address} does not answer: {error}") from None
            self._start_here(settings)
        return ray

    def _start_here(self, settings: Mapping[str, Any]) -> None:
        """Starts a cluster on this machine. Its workers have the environment of this process, without API keys."""
        cpus = slots_of(self.config) * self.config.train.threads
        with _without(self.config.secret_variables):
            try:
                self._module.init(address="local", num_cpus=cpus, include_dashboard=False, **settings)
            except Exception as error:
                # Ray raises no class of its own where a busy machine does not start it in time.
                raise MachineError(
                    f"Ray could not be started on this machine: {error}; run the same command again"
                ) from None

    @cached_property
    def _needs(self) -> dict[str, float]:
        """What a worker takes of its machine."""
        gpus = self.config.train.ray.gpus
        if gpus is None:
            has_gpus = self.config.policy.device != "cpu" and self._ray.cluster_resources().get("GPU", 0) >= 1
            gpus = 1.0 if has_gpus else 0.0
        return {"CPU": float(self.config.train.threads), "GPU": gpus}

    @cached_property
    def _private(self) -> Any:
        return self._ray.put(private_files(self.config))

    @cached_property
    def _actors(self) -> Any:
        needs = self._needs
        # Events are waited for while jobs are given.
        return self._ray.remote(Node).options(
            num_cpus=needs["CPU"], num_gpus=needs["GPU"], max_concurrency=3, max_restarts=0
        )

    @property
    def devices_each(self) -> float:
        return self._needs["GPU"]

    def room(self) -> int:
        """A worker that waits for room takes what is free. Where there is none yet, one may wait for it."""
        machines = [machine["Resources"] for machine in self._ray.nodes() if machine["Alive"]]
        whole = sum(self._workers_in(machine) for machine in machines)
        if not whole:
            raise MachineError(
                f"no machine of the Ray cluster has room for a worker: {self._needs['CPU']:g} CPUs (train.threads) and "
                f"{self._needs['GPU']:g} GPUs (train.ray.gpus); its machines have "
                f"{'; '.join(_shown(machine) for machine in machines) or 'nothing'}"
            )
        if not self.slots:
            return max(1, self._workers_in(self._ray.available_resources()))
        waiting = sum(not slot.placed for slot in self.slots)
        return min(whole - len(self.slots), self._workers_in(self._ray.available_resources()) - waiting)

    def _workers_in(self, resources: dict[str, float]) -> int:
        return min(int(resources.get(name, 0) / amount + 1e-9) for name, amount in self._needs.items() if amount)

    def spawn(self, number: int, log: Path) -> NodeSlot:
        return NodeSlot(number, log, actor=self._actors.remote(self.config.to_yaml(), self._search))

    def send(self, slot: NodeSlot, jobs: Sequence[Job]) -> None:
        jobs = [self._relative(job) for job in jobs]
        first = slot.events is None
        files = pack(self.folder, needs_of(jobs, self.config))
        slot.actor.start.remote(JOBS.dump_json(jobs), files, self._private if first else None)
        if first:
            slot.events = slot.actor.events.remote()

    def _relative(self, job: Job) -> Job:
        """The job with its files named relative to the run folder."""
        if isinstance(job, SampleBank) and Path(job.file).is_absolute():
            return job.model_copy(update={"file": os.path.relpath(job.file, self.folder.absolute())})
        return job

    def pause(self, slot: NodeSlot) -> None:
        slot.actor.pause.remote()

    def hear(self) -> Iterator[tuple[NodeSlot, dict[str, Any] | None]]:
        asked = {slot.events: slot for slot in self.slots if slot.jobs}
        ready, _ = self._ray.wait(list(asked), timeout=1.0)
        # All that are there, so that a busy worker does not hold up the others.
        ready, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0) if ready else ([], [])
        for answer in ready:
            slot = asked[answer]
            try:
                events = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                _append(slot.log, f"{type(error).__name__}: {error}")
                yield slot, None
                continue
            if not slot.placed:
                slot.placed, slot.began = True, time.monotonic()
            slot.events = slot.actor.events.remote()
            for event in events:
                if event is not None:
                    self._receive(slot, event)
                yield slot, event
        for slot in self.slots:
            if not slot.placed:
                slot.heard = slot.began = time.monotonic()

    def _receive(self, slot: NodeSlot, event: dict[str, Any]) -> None:
        """Writes what came with an event into the run folder."""
        if "log" in event:
            _append(slot.log, event["log"])
        if "files" not in event:
            return
        job = self._relative(slot.jobs[event["id"]])
        if event["event"] == "done":
            receive(self.folder, job, event["files"])
        else:
            progress = progress_of(job)
            unpack(self.folder, results_of(job) if progress is None else [progress], event["files"])

    def end(self, slot: NodeSlot) -> None:
        self._ray.kill(slot.actor)

    def close(self) -> None:
        if not self.slots and not self._connected:
            return
        closing = [slot.actor.close.remote() for slot in self.slots if slot.placed]
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_S) if closing else None
        super().close()
        if self._connected:
            self._ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raises UserError where nothing listens at `address`; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise UserError(
            f"train.ray.address: got {address}, where no Ray cluster answers ({error}); give HOST:PORT of a machine that runs "
            "`ray start --head`"
        ) from None


@contextlib.contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """While it lasts, the environment has no variables of these names."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _append(log: Path, text: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def _shown(machine: dict[str, float]) -> str:
    return f"{machine.get('CPU', 0):g} CPUs, {machine.get('GPU', 0):g} GPUs"
