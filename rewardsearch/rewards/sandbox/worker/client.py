"""The parent's side: a Sandbox calls rewards in a worker process and checks everything that comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox.kernel.defences import demand
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS
from rewardsearch.rewards.sandbox.static.policy import check_static
from rewardsearch.rewards.sandbox.static.refusal import StaticFault
from rewardsearch.rewards.sandbox.worker import faults, protocol
from rewardsearch.rewards.sandbox.worker.faults import RewardFault
from rewardsearch.rewards.sandbox.worker.process import WorkerLost, WorkerProcess
from rewardsearch.rewards.sandbox.worker.protocol import Breach, Call, ProtocolError, Raised, Result

PATIENCE = 20.0
"""A call may take this many times its CPU seconds of wall clock, since other processes may need the CPUs."""
_GRACE = 1.5
"""The parent waits this many times as long, for the worker to say so itself."""
_PAUSE_S = 0.2
"""Before a worker that did not start is started again."""
_KNOWN = 1024


@dataclass(frozen=True)
class RewardOutput:
    """What a reward returned for a batch: `rewards`, one per completion; `components` by name ({} for a plain list).

    With components, the rewards are their sums. A component whose name the file does not contain is numbered instead
    (faults.public_names), since such a name can be text of the rows. `printed` is the start of what the call printed,
    `changed` the names of the arguments that it changed in place (in its own process: the caller's are untouched).
    """

    rewards: tuple[float, ...]
    components: dict[str, tuple[float, ...]] = field(default_factory=dict)
    printed: str = ""
    changed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The components' names as they were returned. For comparison only, never shown: they can be text of the rows."""


class Starved(Exception):
    """The machine gave a call too little CPU time to judge it."""


class Sandbox:
    """Runs reward code outside this process. One live worker, started at the first call and again whenever it breaks.

    config: the limits. bound: the largest magnitude of a reward. hash_seed: the worker's PYTHONHASHSEED, so that the order of
    sets, and with it a reward, is the same in every run. layers: the kernel layers to apply where they exist. static: the static
    policy; another one is for tests of the layers below it. patience: the wall clock of a call, in its CPU seconds.
    Not thread-safe: SandboxPool lends one to each thread (50 to 80 ms to start and 15 MB each).
    """

    def __init__(
        self,
        config: SandboxConfig,
        bound: float = 1000.0,
        *,
        hash_seed: int = 0,
        layers: tuple[str, ...] = LAYERS,
        static: Callable[[str], StaticFault | None] = check_static,
        patience: float = PATIENCE,
    ) -> None:
        self.config, self.bound, self._patience = config, bound, patience
        self.used_s = 0.0
        """CPU seconds of all calls so far."""
        self._hash_seed, self._layers, self._static = hash_seed, layers, static
        self._worker: WorkerProcess | None = None
        self._loaded: dict[str, int] = {}
        self._next_key = 0
        self._checked: dict[str, StaticFault | None] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers in force around the worker; starts it if need be."""
        return self._live().layers

    @property
    def worker_pid(self) -> int:
        """The process id of the worker, also its process group; starts it if need be."""
        return self._live().pid

    def call(self, code: str, batch: Batch, *, limit_s: float | None = None, repeats: int = 1) -> RewardOutput:
        """The rewards of `batch` by the file `code`, within `limit_s` (else config.call_s) seconds of CPU time.

        `repeats` calls it that often in one process, which must all agree. Every call starts from a fresh state.
        Raises RewardFault when the reward is refused, fails, or breaks its contract; MachineError when no worker
        starts, or the machine is too busy to run it.
        """
        self._check(code)
        limit_s = self.config.call_s if limit_s is None else limit_s
        lists = {"prompts": batch.prompts, "completions": batch.completions, "answer": batch.answer, **batch.columns}
        try:
            return self._exchange(code, lists, limit_s, repeats)
        except (RewardFault, Starved) as fault:
            if isinstance(fault, RewardFault) and not fault.maybe_infrastructure:
                raise
        # The worker may have been ended while it was idle, or the machine have stood still: another worker repeats it once.
        self.close()
        try:
            return self._exchange(code, lists, limit_s, repeats)
        except Starved:
            raise MachineError(
                f"a reward call got less than its {limit_s:g} s of CPU time in {limit_s * self._patience:g} s, twice: the "
                "machine is too busy to judge rewards; run the same command again when less is running on it"
            ) from None

    def _exchange(self, code: str, lists: Mapping[str, protocol.Values], limit_s: float, repeats: int) -> RewardOutput:
        worker = self._live()
        try:
            wall_s = limit_s * self._patience
            end = time.monotonic() + wall_s * _GRACE
            key = self._load(worker, code, end)
            request = Call(key, limit_s, wall_s, repeats, lists).pack()
            if len(request) > protocol.MAX_REQUEST:
                raise UserError(
                    f"a reward call has {len(request) / 2**20:.0f} MB; at most {protocol.MAX_REQUEST / 2**20:.0f} MB are "
                    "allowed: call it on fewer rows (in a search: train.prompts_per_step, train.group_size)"
                )
            worker.send(protocol.CALL, request, end)
            size = len(lists["completions"])
            kind, body = worker.receive(end, protocol.max_answer(size))
            used_s, body = protocol.split_used(body)
            self.used_s += used_s
            return self.parse_answer(kind, body, code, size, tuple(lists), limit_s)
        except (WorkerLost, ProtocolError) as lost:
            self.close()
            self.used_s += limit_s
            if isinstance(lost, WorkerLost) and lost.timed_out:
                raise faults.asleep_fault(limit_s) from None
            raise faults.died_fault(0, maybe_infrastructure=True) from None
        except BaseException as error:
            # Ctrl-C between request and answer leaves an answer in the pipe that belongs to no later call.
            if not isinstance(error, RewardFault | Starved | UserError):
                self.close()
            raise

    def close(self) -> None:
        """Ends the worker and all its processes. The Sandbox can be used again."""
        worker, self._worker = self._worker, None
        self._loaded.clear()
        if worker is not None:
            worker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, code: str) -> None:
        if code not in self._checked:
            while len(self._checked) >= _KNOWN:
                del self._checked[next(iter(self._checked))]
            self._checked[code] = self._static(code)
        fault = self._checked[code]
        if fault is not None:
            raise RewardFault("static", str(fault), line=fault.line)

    def _live(self) -> WorkerProcess:
        if self._worker is None:
            worker = self._started()
            try:
                demand(self.config.require, worker.layers)
            except UserError:
                worker.kill()
                raise
            self._worker = worker
        return self._worker

    def _started(self) -> WorkerProcess:
        """A new worker. Raises MachineError where it does not start, nor a little later."""
        try:
            return WorkerProcess(self.config, self._hash_seed, self._layers)
        except MachineError:
            # The machine may have been short of memory or processes for a moment.
            time.sleep(_PAUSE_S)
            return WorkerProcess(self.config, self._hash_seed, self._layers)

    def _load(self, worker: WorkerProcess, code: str, deadline: float) -> int:
        """The key of `code` in the worker, which is sent it if it does not have it."""
        if code not in self._loaded:
            while len(self._loaded) >= protocol.MAX_CODES:
                del self._loaded[next(iter(self._loaded))]
            self._next_key = (self._next_key + 1) % 2**32
            body = protocol.pack_unsigned(self._next_key) + code.encode("utf-8", "surrogatepass")
            worker.send(protocol.LOAD, body, deadline)
            self._loaded[code] = self._next_key
        return self._loaded[code]

    def parse_answer(
        self, kind: bytes, body: bytes, code: str, size: int, names: tuple[str, ...], limit_s: float
    ) -> RewardOutput:
        """The output in a frame of the worker, checked. size: completions of the call; names: its arguments. Raises RewardFault,
        Starved, and ProtocolError for a frame that no worker sends."""
        if kind == protocol.RESULT:
            result = Result.unpack(body)
            rewards = faults.check_result(result, size, self.bound)
            public = faults.public_names(result.names, code)
            components = dict(zip(public, result.rows, strict=True)) if public else {}
            changed = tuple(name for name in result.changed if name in names)
            return RewardOutput(rewards, components, faults.harmless(result.printed), changed, result.names)
        if kind == protocol.RAISED:
            raise faults.raised_fault(Raised.unpack(body), code)
        if kind == protocol.CONTRACT:
            raise faults.breach_fault(Breach.unpack(body), size, code)
        if kind == protocol.TIMEOUT:
            raise faults.timeout_fault(limit_s)
        if kind == protocol.ASLEEP:
            raise faults.asleep_fault(limit_s)
        if kind == protocol.STARVED:
            raise Starved
        if kind == protocol.MEMORY:
            raise faults.memory_fault(self.config.memory_mb)
        if kind == protocol.DIED and len(body) == 4:
            raise faults.died_fault(int.from_bytes(body, "little"))
        raise ProtocolError("a frame of a kind that does not exist")
