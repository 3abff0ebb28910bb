"""Runs reward functions that strangers wrote: static policy, a locked-down worker, limits, and checked answers."""

from __future__ import annotations

from rewardsearch.sandbox.faults import RewardFault
from rewardsearch.sandbox.policy import StaticFault, batch_dependent, check_static
from rewardsearch.sandbox.pool import RewardOutput, Sandbox, SandboxedReward

__all__ = [
    "RewardFault",
    "RewardOutput",
    "Sandbox",
    "SandboxedReward",
    "StaticFault",
    "batch_dependent",
    "check_static",
]
