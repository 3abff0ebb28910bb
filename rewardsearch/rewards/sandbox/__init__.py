"""Runs reward functions that strangers wrote: static policy, a locked-down worker, limits, and checked answers."""

from __future__ import annotations

from rewardsearch.rewards.sandbox.kernel.breaches import LIMITS
from rewardsearch.rewards.sandbox.kernel.defences import Defences, inspect
from rewardsearch.rewards.sandbox.static.policy import (
    SIGNATURE,
    batch_dependent,
    check_static,
    parse,
    parse_untrusted,
)
from rewardsearch.rewards.sandbox.static.refusal import StaticFault
from rewardsearch.rewards.sandbox.worker.client import RewardOutput, Sandbox
from rewardsearch.rewards.sandbox.worker.faults import RewardFault
from rewardsearch.rewards.sandbox.worker.pool import SandboxPool
from rewardsearch.rewards.sandbox.worker.sandboxed_reward import SandboxedReward

__all__ = [
    "LIMITS",
    "SIGNATURE",
    "Defences",
    "RewardFault",
    "RewardOutput",
    "Sandbox",
    "SandboxPool",
    "SandboxedReward",
    "StaticFault",
    "batch_dependent",
    "check_static",
    "inspect",
    "parse",
    "parse_untrusted",
]
