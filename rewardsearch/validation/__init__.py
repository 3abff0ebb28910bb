"""Decides which candidates are worth training on: the static policy, probes in the sandbox, what they pay the policy's own
completions, and whether an earlier candidate pays the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from rewardsearch.config import Config
from rewardsearch.records import Candidate, RewardSpec, Rollout, Verdict
from rewardsearch.rewards.sandbox import SIGNATURE, SandboxPool, check_static
from rewardsearch.tasks.base import Task
from rewardsearch.validation.bank import Bank, Score
from rewardsearch.validation.calls import ON_POLICY, CandidateCalls, Refused
from rewardsearch.validation.measures import Rewards
from rewardsearch.validation.novelty import Evaluated, novelty_verdicts
from rewardsearch.validation.probes import Prober
from rewardsearch.validation.remedies import inputs_of

__all__ = ["static_verdict", "validate"]

T = TypeVar("T")
NewCalls = Callable[[], CandidateCalls]


def validate(
    candidates: Sequence[Candidate],
    task: Task,
    config: Config,
    pool: SandboxPool | None = None,
    bank: Sequence[Rollout] | None = None,
    base: Sequence[RewardSpec] = (),
    earlier: Sequence[Candidate] = (),
) -> list[Verdict]:
    """A verdict for each candidate, in their order. Several are evaluated side by side, one thread per core.

    pool: warm workers to borrow; None starts and ends its own, with the config's limits.
    bank: completions of the untrained policy, grouped by row; None leaves out the stages `bank` and `novelty`.
    base: rewards that every candidate is trained with. earlier: accepted candidates that the new ones are compared with; of
    several new ones with the same behaviour the first stays.
    Raises MachineError when the sandbox cannot be started. Raises UserError when it lacks a layer that the config requires, when
    the bank is not the task's, or when a base reward fails on it. None of these refuses a candidate.
    """
    verdicts = [static_verdict(candidate, task) for candidate in candidates]
    runnable = [candidate for candidate, refused in zip(candidates, verdicts, strict=True) if refused is None]
    if not runnable:
        return [verdict for verdict in verdicts if verdict is not None]
    measuring = None if bank is None else Bank(bank, task, config.bank)
    others = [] if bank is None else [other for other in earlier if other.id not in {c.id for c in runnable}]
    with ExitStack() as stack:
        workers = pool or stack.enter_context(SandboxPool(config.sandbox, config.validation.bound))
        if measuring is not None:
            with workers.borrow() as sandbox:
                measuring.add_base(base, sandbox)
        evaluated, known = _evaluate_all(runnable, others, task, config, workers, measuring)
    compared = iter(novelty_verdicts(evaluated, known, config.bank.max_agreement))
    return [next(compared) if refused is None else refused for refused in verdicts]


def static_verdict(candidate: Candidate, task: Task) -> Verdict | None:
    """The refusal of a candidate by the static policy, or None when it may be run. Where the signature of `reward` is wrong, the
    refusal says what the task passes."""
    fault = check_static(candidate.code)
    if fault is None:
        return None
    inputs = f"; {inputs_of(task, task.labelled(1)).description}" if fault.instead == SIGNATURE else ""
    return Verdict(candidate=candidate.id, accepted=False, stage="static", reason=f"{fault}{inputs}")


def _evaluate_all(
    candidates: Sequence[Candidate],
    others: Sequence[Candidate],
    task: Task,
    config: Config,
    workers: SandboxPool,
    bank: Bank | None,
) -> tuple[list[Evaluated], list[tuple[Candidate, Rewards]]]:
    """The evaluation of each candidate, and the rewards that each of the others pays the bank."""
    prober, stop = Prober(task, config, decides=bank is None), threading.Event()

    def with_workers(work: Callable[[Candidate, NewCalls], T]) -> Callable[[Candidate], T]:
        def done(candidate: Candidate) -> T:
            with workers.borrow() as sandbox, workers.borrow(hash_seed=1) as other:
                return work(candidate, lambda: CandidateCalls(candidate.code, prober.inputs, sandbox, other, stop))

        return done

    with ThreadPoolExecutor(min(os.cpu_count() or 1, len(candidates) + len(others))) as executor:
        try:
            evaluated = executor.map(with_workers(lambda each, calls: _evaluate(each, prober, bank, calls)), candidates)
            scored = executor.map(with_workers(lambda _, calls: _bank_rewards(bank, calls)), others)
            pairs = zip(others, scored, strict=True)
            return list(evaluated), [(other, rewards) for other, rewards in pairs if rewards is not None]
        except BaseException:
            # Ctrl-C waits for the calls that are running, not for all the probes.
            stop.set()
            raise


def _evaluate(candidate: Candidate, prober: Prober, bank: Bank | None, new_calls: NewCalls) -> Evaluated:
    """Probes a candidate that passed the static policy, and scores it on the bank if it can be called at all. A refusal by the
    probes keeps its stage."""
    verdict = prober.probe(candidate, new_calls())
    if bank is None or verdict.stage not in (None, "behaviour"):
        return Evaluated(candidate, verdict)
    started = time.perf_counter()
    try:
        result = bank.measure(_on_policy(new_calls()), verdict.checks.get("constant_probes"))
    except Refused as refused:
        if verdict.accepted:
            update = {"accepted": False, "stage": refused.stage, "reason": refused.reason}
            verdict = verdict.model_copy(update=update)
        return Evaluated(candidate, verdict)
    found: dict[str, object] = {
        "checks": {**verdict.checks, **result.checks},
        "flags": (*verdict.flags, *result.flags),
        "seconds": verdict.seconds + time.perf_counter() - started,
    }
    if verdict.accepted and result.reasons:
        found |= {"accepted": False, "stage": "bank", "reason": "; ".join(result.reasons)}
    return Evaluated(candidate, verdict.model_copy(update=found), result.rewards)


def _bank_rewards(bank: Bank | None, new_calls: NewCalls) -> Rewards | None:
    """What a candidate pays the bank; None where it fails on it, or there is no bank."""
    try:
        return None if bank is None else bank.score(_on_policy(new_calls()))
    except Refused:
        return None


def _on_policy(calls: CandidateCalls) -> Score:
    return lambda batch: calls.call(batch, ON_POLICY).rewards
