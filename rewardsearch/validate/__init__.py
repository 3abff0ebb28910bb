"""Decides which candidates are worth training on: static policy, then probes in the sandbox."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rewardsearch.config import Config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.sandbox import SandboxPool
from rewardsearch.tasks.base import Task
from rewardsearch.validate.probes import ROWS, Prober
from rewardsearch.validate.static import static_verdict

__all__ = ["validate"]


def validate(
    candidates: Sequence[Candidate], task: Task, config: Config, pool: SandboxPool | None = None
) -> list[Verdict]:
    """A verdict for each candidate, in their order. Several are probed side by side, one thread a core.

    pool: warm workers to borrow; None starts and ends its own, with the config's limits.
    Raises MachineError when the sandbox cannot be started, UserError when it lacks a layer that the config requires: no
    candidate is refused for that.
    """
    verdicts = {index: static_verdict(candidate) for index, candidate in enumerate(candidates)}
    runnable = [candidate for index, candidate in enumerate(candidates) if verdicts[index] is None]
    probed = iter(_probe_all(runnable, task, config, pool))
    return [refused if (refused := verdicts[index]) is not None else next(probed) for index in range(len(candidates))]


def _probe_all(candidates: Sequence[Candidate], task: Task, config: Config, pool: SandboxPool | None) -> list[Verdict]:
    if not candidates:
        return []
    items = task.labelled(ROWS)
    threads = min(os.cpu_count() or 1, len(candidates))
    free: queue.SimpleQueue[Prober] = queue.SimpleQueue()
    stop = threading.Event()

    def probe(candidate: Candidate) -> Verdict:
        prober = free.get()
        try:
            return prober.probe(candidate, stop)
        finally:
            free.put(prober)

    with ExitStack() as stack:
        workers = pool or stack.enter_context(SandboxPool(config.sandbox, config.validation.bound))
        for _ in range(threads):
            sandbox, other = (stack.enter_context(workers.borrow(hash_seed)) for hash_seed in (0, 1))
            free.put(Prober(items, config.validation, sandbox, other))
        executor = stack.enter_context(ThreadPoolExecutor(threads))
        try:
            return list(executor.map(probe, candidates))
        except BaseException:
            # Ctrl-C waits for the calls in hand, not for all the probes.
            stop.set()
            raise
