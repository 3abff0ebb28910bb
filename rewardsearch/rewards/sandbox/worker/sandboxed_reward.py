"""A reward as a training run calls it: failed calls are repeated and counted, and remembered batches are checked again."""

from __future__ import annotations

import random

from rewardsearch.records import Batch, RewardSpec
from rewardsearch.rewards.sandbox.worker.client import RewardOutput, Sandbox
from rewardsearch.rewards.sandbox.worker.faults import RewardFault

REMEMBERED = 4
"""Batches that are kept for a second call: a uniform sample of all so far."""
_MAYBE_INFRASTRUCTURE = ("timeout", "memory", "died")
MAX_PRINTED = 20_000
"""Characters that are kept of all that a reward prints in a run."""


class SandboxedReward:
    """A reward of a training run. Up to `failures` calls that fail give zeros for their batch, the next one raises its
    RewardFault.

    A call that took too much time or memory, or ended its process, is first repeated in a fresh worker. This separates an
    infrastructure error (a machine that ran out of memory) from a fault of the reward.

    After a share `rechecks` of the calls, drawn by `seed`, a remembered batch is called again; other values than before raise a
    RewardFault of kind "changed". Every call starts from the same state, so only a way around the sandbox gives others.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        spec: RewardSpec,
        failures: int,
        rechecks: float = 0.0,
        seed: int = 0,
        faults: int = 0,
        printed: str = "",
    ) -> None:
        self._sandbox, self.spec, self.failures = sandbox, spec, failures
        self._rechecks, self._random = rechecks, random.Random(f"{seed} {spec.id}")
        self._remembered: list[tuple[int, Batch, RewardOutput]] = []
        self._calls = 0
        self.faults = faults
        """Calls that failed for good so far, including those of earlier segments."""
        self.rechecked = 0
        """Batches that were called again so far."""
        self.printed = printed
        """The start of all that the reward printed."""

    def __call__(self, batch: Batch) -> RewardOutput:
        output = self._call_twice(batch)
        self._calls += 1
        if output is None:
            self.faults += 1
            return RewardOutput((0.0,) * len(batch))
        self._keep(output.printed)
        if self._random.random() < self._rechecks:
            self._recheck()
        self._remember(batch, output)
        return output

    def _call_twice(self, batch: Batch) -> RewardOutput | None:
        """The output of the first call that succeeds; None for a failure that is allowed."""
        for tries_left in (1, 0):
            try:
                return self._sandbox.call(self.spec.code, batch)
            except RewardFault as fault:
                self._keep(fault.printed)
                if fault.kind in _MAYBE_INFRASTRUCTURE and tries_left:
                    self._sandbox.close()
                elif fault.kind == "static" or self.faults >= self.failures:
                    raise
                else:
                    return None
        return None

    def _keep(self, printed: str) -> None:
        self.printed = (self.printed + printed)[:MAX_PRINTED]

    def _remember(self, batch: Batch, output: RewardOutput) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        index = self._calls - 1 if self._calls <= REMEMBERED else self._random.randrange(self._calls)
        if index < REMEMBERED:
            self._remembered[index : index + 1] = [(self._calls, batch, output)]

    def _recheck(self) -> None:
        if not self._remembered:
            return
        call, batch, known = self._random.choice(self._remembered)
        again = self._call_twice(batch)
        self.rechecked += 1
        if again is None:
            self.faults += 1
        elif (again.rewards, again.components, again.names) != (known.rewards, known.components, known.names):
            raise RewardFault(
                "changed",
                f"gave other values for the batch of call {call} when it was asked again after call {self._calls}: "
                "its behaviour changes later",
            )
