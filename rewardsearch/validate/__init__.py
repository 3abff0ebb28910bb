"""Decides which candidates are worth training on: static policy, then probes in the sandbox."""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from rewardsearch.config import Config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.sandbox import Sandbox
from rewardsearch.tasks.base import Task
from rewardsearch.validate.probes import ROWS, Prober, SandboxFactory
from rewardsearch.validate.static import static_verdict

__all__ = ["validate"]


def validate(
    candidates: Sequence[Candidate], task: Task, config: Config, sandbox_factory: SandboxFactory | None = None
) -> list[Verdict]:
    """A verdict for each candidate, in their order. Several are probed side by side, one thread a core.

    sandbox_factory: makes the Sandbox for a hash seed; None makes it from the config.
    Raises MachineError when the sandbox cannot be started: no candidate is refused for that.
    """
    verdicts = {index: static_verdict(candidate) for index, candidate in enumerate(candidates)}
    runnable = [candidate for index, candidate in enumerate(candidates) if verdicts[index] is None]
    probed = iter(_probe_all(runnable, task, config, sandbox_factory or _factory(config)))
    return [refused if (refused := verdicts[index]) is not None else next(probed) for index in range(len(candidates))]


def _factory(config: Config) -> SandboxFactory:
    return lambda hash_seed: Sandbox(config.sandbox, config.validation.bound, hash_seed=hash_seed)


def _probe_all(candidates: Sequence[Candidate], task: Task, config: Config, factory: SandboxFactory) -> list[Verdict]:
    if not candidates:
        return []
    items = task.labelled(ROWS)
    threads = min(os.cpu_count() or 1, len(candidates))
    free: queue.SimpleQueue[Prober] = queue.SimpleQueue()

    def probe(candidate: Candidate) -> Verdict:
        prober = free.get()
        try:
            return prober.probe(candidate)
        finally:
            free.put(prober)

    with ExitStack() as stack:
        for _ in range(threads):
            free.put(stack.enter_context(closing(Prober(items, config.validation.margin, factory))))
        executor = stack.enter_context(ThreadPoolExecutor(threads))
        return list(executor.map(probe, candidates))
