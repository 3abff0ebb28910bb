"""Decides which candidates are worth training on: static policy, probes in the sandbox, then what they pay the policy's
own completions, and whether an earlier candidate pays the same."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from rewardsearch.config import Config
from rewardsearch.records import Candidate, RewardSpec, Rollout, Verdict
from rewardsearch.rewards.sandbox import SandboxPool
from rewardsearch.tasks.base import Task
from rewardsearch.validation.bank import Bank
from rewardsearch.validation.bench import Bench, Tried
from rewardsearch.validation.groups import Rewards
from rewardsearch.validation.novelty import judged_novel
from rewardsearch.validation.probes import ROWS
from rewardsearch.validation.static import static_verdict

__all__ = ["validate"]

T = TypeVar("T")


def validate(
    candidates: Sequence[Candidate],
    task: Task,
    config: Config,
    pool: SandboxPool | None = None,
    bank: Sequence[Rollout] | None = None,
    base: Sequence[RewardSpec] = (),
    earlier: Sequence[Candidate] = (),
) -> list[Verdict]:
    """A verdict for each candidate, in their order. Several are tried side by side, one thread a core.

    pool: warm workers to borrow; None starts and ends its own, with the config's limits.
    bank: completions of the untrained policy, grouped by row; None leaves out the stages `bank` and `novelty`.
    base: what every candidate is trained beside. earlier: accepted candidates that the new ones are compared with; of
    several among the new ones that behave alike the first stays.
    Raises MachineError when the sandbox cannot be started, UserError when it lacks a layer that the config requires, when
    the bank is not the task's, or a base reward fails on it: no candidate is refused for that.
    """
    verdicts = {index: static_verdict(candidate, task) for index, candidate in enumerate(candidates)}
    runnable = [candidate for index, candidate in enumerate(candidates) if verdicts[index] is None]
    if not runnable:
        return [verdict for verdict in verdicts.values() if verdict is not None]
    measuring = None if bank is None else Bank(bank, task, config.bank)
    others = [] if bank is None else [other for other in earlier if other.id not in {c.id for c in runnable}]
    with ExitStack() as stack:
        workers = pool or stack.enter_context(SandboxPool(config.sandbox, config.validation.bound))
        if measuring is not None:
            with workers.borrow() as sandbox:
                measuring.add_base(base, sandbox)
        tried, known = _try_all(runnable, others, task, config, workers, measuring)
    judged = iter(judged_novel(runnable, tried, known, config.bank.max_agreement))
    return [refused if (refused := verdicts[index]) is not None else next(judged) for index in range(len(candidates))]


def _try_all(
    candidates: Sequence[Candidate],
    others: Sequence[Candidate],
    task: Task,
    config: Config,
    workers: SandboxPool,
    bank: Bank | None,
) -> tuple[list[Tried], list[tuple[Candidate, Rewards]]]:
    """What became of each candidate, and what each of the others pays the bank."""
    items = task.labelled(ROWS)
    threads = min(os.cpu_count() or 1, len(candidates) + len(others))
    free: queue.SimpleQueue[Bench] = queue.SimpleQueue()
    stop = threading.Event()

    def at_a_bench(work: Callable[[Bench, Candidate], T]) -> Callable[[Candidate], T]:
        def done(candidate: Candidate) -> T:
            bench = free.get()
            try:
                return work(bench, candidate)
            finally:
                free.put(bench)

        return done

    with ExitStack() as stack:
        for _ in range(threads):
            sandbox, other = (stack.enter_context(workers.borrow(hash_seed)) for hash_seed in (0, 1))
            free.put(Bench(items, task, config, sandbox, other, bank))
        executor = stack.enter_context(ThreadPoolExecutor(threads))
        try:
            tried = executor.map(at_a_bench(lambda bench, candidate: bench.judge(candidate, stop)), candidates)
            scored = executor.map(at_a_bench(lambda bench, candidate: bench.rewards(candidate, stop)), others)
            pairs = zip(others, scored, strict=True)
            return list(tried), [(other, rewards) for other, rewards in pairs if rewards is not None]
        except BaseException:
            # Ctrl-C waits for the calls in hand, not for all the probes.
            stop.set()
            raise
