"""The calls that one candidate's probes make: a fault of the reward becomes a refusal with its stage and reason."""

from __future__ import annotations

import struct
import threading
import time
from concurrent.futures import CancelledError

from rewardsearch.records import Batch, Stage
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox
from rewardsearch.validation.remedies import GUARD, Inputs, Source

OWN, POLICYS = "on the task's own completions", "on completions of the policy"
"""Ordinary completions: a reward that raises on these may have been written for other inputs."""
_TOTAL_CALLS = 6
"""A candidate's probes together may take this many call deadlines of wall clock."""
_SLOW = (
    "look for endless loops, for patterns that backtrack, such as (a+)+, and for those that may begin anywhere and read on to "
    "the end of the text, such as .*?= or \\s+$: use str.partition or rpartition, or bounds such as {0,20}"
)


class Refused(Exception):
    """A refusal that ends the probing: the stage, and the reason for the proposer."""

    def __init__(self, stage: Stage, reason: str) -> None:
        super().__init__(reason)
        self.stage, self.reason = stage, reason


class Probing:
    """The calls for one candidate: faults become refusals, component names must stay the same, time is bounded in
    all."""

    def __init__(self, sandbox: Sandbox, code: str, stop: threading.Event, inputs: Inputs) -> None:
        self._sandbox, self.code, self._stop, self._inputs = sandbox, code, stop, inputs
        self.call_s = sandbox.config.call_s
        self._total_s = _TOTAL_CALLS * self.call_s
        self._end = time.monotonic() + self._total_s
        self._components: tuple[str, ...] | None = None
        self.printed = ""
        """The start of what the first call that printed did print."""

    def call(self, batch: Batch, where: str, *, sandbox: Sandbox | None = None, repeats: int = 1) -> RewardOutput:
        """The rewards of `batch`, which `where` describes. Raises Refused, and CancelledError once `stop` is set."""
        if self._stop.is_set():
            raise CancelledError
        if time.monotonic() > self._end:
            raise Refused("sandbox", f"its probes took longer than {self._total_s:g} s together; make it faster")
        sandbox = sandbox or self._sandbox
        try:
            output = self._asked(sandbox, batch, repeats)
        except RewardFault as fault:
            self.printed = self.printed or fault.printed
            raise Refused(*self._refusal(fault, where, repeats)) from None
        self.printed = self.printed or output.printed
        names = output.names
        if self._components is None:
            self._components = names
        elif names != self._components:
            raise Refused(
                "contract",
                "returns other components for other completions; return the same names, in one order, always",
            )
        return output

    def _asked(self, sandbox: Sandbox, batch: Batch, repeats: int) -> RewardOutput:
        try:
            return sandbox.call(self.code, batch, repeats=repeats)
        except RewardFault as fault:
            if not fault.worker_lost:
                raise
        # The worker itself did not answer: that may be the machine's doing, so the reward is asked once more.
        return sandbox.call(self.code, batch, repeats=repeats)

    def _refusal(self, fault: RewardFault, where: str, repeats: int) -> tuple[Stage, str]:
        what = f"{fault.reason} {where}".rstrip()
        if fault.kind == "static":
            return "static", fault.reason
        if fault.kind == "timeout":
            return "sandbox", f"{what}; {_SLOW}"
        if fault.kind == "memory":
            return "sandbox", f"{what}; do not build large lists, numbers or strings"
        if fault.kind == "died":
            return "sandbox", f"{what}; recursion too deep for the interpreter does this"
        if fault.kind == "raised":
            if where not in (OWN, POLICYS):
                return "contract", f"{what}; {GUARD}"
            remedy = Source(self.code, self._inputs).remedy(fault.type, fault.line)
            return "contract", f"{what}; {remedy}; {self._inputs.told}"
        if repeats > 1:
            return "contract", f"{fault.reason}, {where}; work on local values alone"
        return "contract", f"{what}; return a list of one finite float a completion, in their order"


def bits(output: RewardOutput) -> list[bytes]:
    """All that the reward said about each completion: equal where rewards and components are, bit for bit."""
    row = struct.Struct(f"<{1 + len(output.components)}d")
    return [row.pack(*values) for values in zip(output.rewards, *output.components.values(), strict=True)]
