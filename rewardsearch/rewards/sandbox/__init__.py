"""Runs reward functions that strangers wrote: static policy, a locked-down worker, limits, and checked answers."""

from __future__ import annotations

from rewardsearch.rewards.sandbox.breaches import LIMITS
from rewardsearch.rewards.sandbox.client import RewardOutput, Sandbox
from rewardsearch.rewards.sandbox.defences import Defences, inspect
from rewardsearch.rewards.sandbox.faults import RewardFault
from rewardsearch.rewards.sandbox.policy import SIGNATURE, StaticFault, batch_dependent, check_static, parse
from rewardsearch.rewards.sandbox.pool import SandboxPool
from rewardsearch.rewards.sandbox.training import SandboxedReward

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
