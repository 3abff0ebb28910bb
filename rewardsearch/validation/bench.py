"""Where one candidate at a time is tried: its probes, then its measuring on the rollout bank."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rewardsearch.config import Config
from rewardsearch.records import Batch, Candidate, LabelledCompletion, Verdict
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.tasks.base import Task
from rewardsearch.validation.bank import Bank, Measured, Score
from rewardsearch.validation.groups import Rewards
from rewardsearch.validation.probes import CONSTANT, Prober
from rewardsearch.validation.probing import POLICYS, Refused


@dataclass(frozen=True)
class Tried:
    """The verdict on a candidate apart from its novelty, and its rewards on the bank, None where it was not scored on it."""

    verdict: Verdict
    rewards: Rewards | None = None


class Bench:
    """Two warm workers and what is tried in them; not thread-safe. bank: None leaves the stage `bank` out."""

    def __init__(
        self,
        items: Sequence[LabelledCompletion],
        task: Task,
        config: Config,
        sandbox: Sandbox,
        other: Sandbox,
        bank: Bank | None,
    ) -> None:
        self._prober = Prober(items, task, config, sandbox, other, decides=bank is None)
        self._bank, self._max_dead = bank, config.bank.max_zero_std_fraction

    def judge(self, candidate: Candidate, stop: threading.Event) -> Tried:
        """Probes a candidate that passed the static policy, and measures it if it can be called at all: what the probes
        refused it for stays its stage. Raises CancelledError once `stop` is set."""
        verdict = self._prober.probe(candidate, stop)
        if self._bank is None or verdict.stage not in (None, "behaviour"):
            return Tried(verdict)
        started = time.perf_counter()
        try:
            measured = self._bank.measure(self._score(candidate, stop))
        except Refused as refused:
            if verdict.accepted:
                told = {"accepted": False, "stage": refused.stage, "reason": refused.reason}
                verdict = verdict.model_copy(update=told)
            return Tried(verdict)
        found: dict[str, object] = {
            "checks": {**verdict.checks, **measured.checks},
            "flags": (*verdict.flags, *measured.flags),
            "seconds": verdict.seconds + time.perf_counter() - started,
        }
        reasons = [*self._constant(verdict, measured), *measured.reasons]
        if verdict.accepted and reasons:
            found |= {"accepted": False, "stage": "bank", "reason": "; ".join(reasons)}
        return Tried(verdict.model_copy(update=found), measured.rewards)

    def _constant(self, verdict: Verdict, measured: Measured) -> Iterator[str]:
        """Why a reward that pays all probes the same is refused: the policy's own completions too, within most questions."""
        dead = float(measured.checks["bank_zero_std_fraction"])
        if CONSTANT in verdict.flags and dead >= self._max_dead:
            yield (
                f"{verdict.checks['constant_probes']}; the policy's own completions of a question are all paid the same, too, in "
                f"{dead:.0%} of the questions: nothing can be learnt from it"
            )

    def rewards(self, candidate: Candidate, stop: threading.Event) -> Rewards | None:
        """What a candidate pays the bank; None where it fails on it, or there is no bank."""
        if self._bank is None:
            return None
        try:
            return self._bank.score(self._score(candidate, stop))
        except Refused:
            return None

    def _score(self, candidate: Candidate, stop: threading.Event) -> Score:
        probing = self._prober.probing(candidate, stop)

        def score(batch: Batch) -> Sequence[float]:
            return probing.call(batch, POLICYS).rewards

        return score
