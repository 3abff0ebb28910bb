"""A reward as training calls it: forgiven failures, batches asked again, what was printed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from fakes import CLOCK

from rewardsearch.config import SandboxConfig
from rewardsearch.records import Batch, RewardSpec
from rewardsearch.rewards.sandbox import RewardFault, Sandbox, SandboxedReward

HEAD = "def reward(prompts, completions, answer, **columns):\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(call_s=1.0, memory_mb=256), bound=1e12, patience=1.0) as box:
        yield box


def batch(*completions: str) -> Batch:
    n = len(completions)
    return Batch(prompts=("q",) * n, completions=completions, answer=("3",) * n)


def spec(body: str) -> RewardSpec:
    return RewardSpec(id="x", name="x", code=HEAD + body)


def test_so_many_failed_calls_are_forgiven_and_then_one_raises(sandbox: Sandbox) -> None:
    reward = SandboxedReward(sandbox, spec("    return [1.0 / len(text) for text in completions]\n"), failures=2)
    for faults in (1, 2):
        assert reward(batch("a", "")).rewards == (0.0, 0.0)
        assert reward.faults == faults
    assert reward(batch("a", "bb")).rewards == (1.0, 0.5)
    with pytest.raises(RewardFault, match="raised ZeroDivisionError at line 2"):
        reward(batch("a", ""))


def test_a_call_that_hung_is_tried_again_before_it_counts(sandbox: Sandbox) -> None:
    reward = SandboxedReward(sandbox, spec("    return [2.0] * len(completions)\n"), failures=0)
    reward(batch("a"))
    os.killpg(sandbox.worker_pid, signal.SIGSTOP)
    assert reward(batch("a")).rewards == (2.0,)
    assert reward.faults == 0


def test_a_pure_reward_is_asked_again_without_consequence(sandbox: Sandbox) -> None:
    reward = SandboxedReward(sandbox, spec("    return [float(len(c)) for c in completions]\n"), 0, rechecks=1.0)
    for i in range(12):
        assert reward(batch("a" * i)).rewards == (float(i),)
    assert reward.rechecked == 11


def test_rechecks_come_as_often_as_asked_for_and_never_at_0(sandbox: Sandbox) -> None:
    never, often = (
        SandboxedReward(sandbox, spec("    return [0.0] * len(completions)\n"), 0, rechecks=share, seed=1)
        for share in (0.0, 0.5)
    )
    for _ in range(40):
        never(batch("a"))
        often(batch("a"))
    assert never.rechecked == 0
    assert 12 <= often.rechecked <= 28


def test_a_reward_that_changes_later_ends_its_run() -> None:
    """It takes a way around the static policy: here it reads a clock."""
    with Sandbox(SandboxConfig(), bound=1e12, static=lambda code: None) as sandbox:
        reward = SandboxedReward(sandbox, RewardSpec(id="x", name="x", code=CLOCK), 0, rechecks=1.0)
        reward(batch("a"))
        with pytest.raises(RewardFault, match="call 1") as caught:
            reward(batch("b"))
    assert caught.value.kind == "changed"


def test_counting_calls_in_an_object_has_no_effect(sandbox: Sandbox) -> None:
    code = (
        "class Counter:\n    n = 0\n\n    def count(self):\n        self.n += 1\n        return self.n\n\n\nCOUNTER = Counter()\n"
        + HEAD
        + "    return [777.0 if COUNTER.count() > 5 else 1.0] * len(completions)\n"
    )
    reward = SandboxedReward(sandbox, RewardSpec(id="x", name="x", code=code), 0, rechecks=0.5)
    assert {reward(batch("a")).rewards for _ in range(20)} == {(1.0,)}


def test_the_start_of_what_a_run_prints_is_kept(sandbox: Sandbox) -> None:
    reward = SandboxedReward(sandbox, spec("    print(completions[0])\n    return [0.0] * len(completions)\n"), 0)
    reward(batch("one"))
    reward(batch("two"))
    assert reward.printed == "one\ntwo\n"
    for _ in range(10):
        reward(batch("x" * 5000))
    assert len(reward.printed) == 20_000
    failing = SandboxedReward(sandbox, spec("    print('so far')\n    return 1 / 0\n"), 1)
    failing(batch("a"))
    with pytest.raises(RewardFault):
        failing(batch("a"))
    assert failing.printed == "so far\n" * 2
