"""Runs reward functions that strangers wrote: static policy, a locked-down worker, limits, and checked answers."""

from __future__ import annotations

from rewardsearch.sandbox.breaches import LIMITS
from rewardsearch.sandbox.client import RewardOutput, Sandbox
from rewardsearch.sandbox.defences import Defences, inspect
from rewardsearch.sandbox.faults import RewardFault
from rewardsearch.sandbox.policy import SIGNATURE, StaticFault, batch_dependent, check_static, parse
from rewardsearch.sandbox.pool import SandboxPool
from rewardsearch.sandbox.training import SandboxedReward

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
]
