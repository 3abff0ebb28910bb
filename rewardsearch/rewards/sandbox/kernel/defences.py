"""What stands between a candidate and this machine, here and now: the layers in force, what is missing and why, and
which breaches a live worker could not block."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.rewards.sandbox.kernel.breaches import BLOCKED, BREACHES
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS
from rewardsearch.rewards.sandbox.worker import protocol
from rewardsearch.rewards.sandbox.worker.process import WorkerLost, WorkerProcess

_CHECK_S = 60.0


@dataclass(frozen=True)
class Defences:
    """`layers` in force, in the order they are applied; `open`: what a candidate past the static policy could do."""

    layers: tuple[str, ...]
    open: tuple[str, ...]
    tried: int
    """How many breaches were attempted."""

    @property
    def blocked(self) -> str:
        """How many breaches failed, such as "20 of 20 attempted breaches blocked"."""
        return f"{self.tried - len(self.open)} of {self.tried} attempted breaches blocked"

    @property
    def missing(self) -> dict[str, str]:
        """Each kernel layer that is not in force, with the reason and the remedy."""
        return self.unmet(LAYERS)

    def unmet(self, required: Sequence[str]) -> dict[str, str]:
        """Each of `required` that is not in force, with the reason and the remedy."""
        return {name: why_missing(name) for name in required if name not in self.layers}

    @property
    def summary(self) -> str:
        """One line for a person."""
        line = f"sandbox: {', '.join(self.layers) or 'no kernel layer'} in force"
        if self.missing:
            line += f"; missing: {', '.join(self.missing)}"
        line += f"; {self.blocked}"
        return line + (f", open: {', '.join(self.open)}" if self.open else "")


def inspect(config: SandboxConfig, layers: Sequence[str] = LAYERS) -> Defences:
    """Starts a worker of its own and attempts every breach inside its locks.

    Raises UserError where the config requires layers that are not in force, MachineError when no worker starts.
    """
    worker = WorkerProcess(config, hash_seed=0, layers=layers, self_check=True)
    try:
        demand(config.require, worker.layers)
        results = worker.exchange(protocol.CHECK, b"", _CHECK_S, protocol.CHECKED)
    except WorkerLost as lost:
        raise MachineError(f"the sandbox's self-check did not end: {lost}; run `rewardsearch doctor`") from None
    finally:
        worker.kill()
    still_open = tuple(
        b.what for b, result in zip(BREACHES, results[: len(BREACHES)], strict=True) if result != BLOCKED
    )
    return Defences(worker.layers, still_open, len(BREACHES))


def demand(required: Sequence[str], layers: Sequence[str]) -> None:
    """Raises UserError, a line for each of `required` that is not among the `layers` in force."""
    lacking = [name for name in required if name not in layers]
    if lacking:
        raise UserError(
            *(
                f"sandbox.require: {name} is not in force here ({why_missing(name)}); in force: {', '.join(layers) or 'none'}"
                for name in lacking
            )
        )


def why_missing(layer: str) -> str:
    """Why a layer may be missing on this machine, and what to do."""
    if layer == "bubblewrap":
        return "set sandbox.bubblewrap: true"
    if layer == "uid":
        return "the process runs as root and may not give that up; run it as an ordinary user"
    if not sys.platform.startswith("linux"):
        return f"{layer} exists on Linux only; run the search in a Linux container or virtual machine"
    if layer == "seccomp":
        return (
            f"the kernel on this {platform.machine()} machine refuses a filter, or its system calls are not known; "
            "x86_64 and aarch64 are"
        )
    if layer == "landlock":
        return "the kernel lacks it; it takes Linux 5.13 or newer with landlock in /sys/kernel/security/lsm"
    return "the kernel refuses prctl(PR_SET_NO_NEW_PRIVS)"
