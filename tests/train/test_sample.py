"""Sampling the rollout bank on the embedded policy."""

from __future__ import annotations

import pytest
import torch

from rewardsearch.config import Config, TaskConfig
from rewardsearch.records import Rollout
from rewardsearch.tasks import load_task
from rewardsearch.train.policy import Policy, load_policy
from rewardsearch.train.sample import sample

TASK = load_task(TaskConfig(train_rows=12))
ROWS = TASK.rows("train")


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


def sampled(policy: Policy, **other: float) -> tuple[Rollout, ...]:
    settings = {"group_size": 4, "seed": 0, "max_tokens": 40, "temperature": 1.0, "top_p": 1.0, "batch_size": 20}
    return sample(policy, TASK, ROWS, **{**settings, **other})  # type: ignore[arg-type]


def test_each_row_has_its_group_in_the_order_of_the_rows(policy: Policy) -> None:
    assert [rollout.row for rollout in sampled(policy)] == [row.id for row in ROWS for _ in range(4)]


def test_completions_are_labelled_as_the_task_judges_them(policy: Policy) -> None:
    rows = {row.id: row for row in ROWS}
    rollouts = sampled(policy)
    for rollout in rollouts:
        outcome = TASK.outcome(rows[rollout.row], rollout.completion)
        assert (rollout.kind, rollout.prediction) == (outcome.kind, outcome.prediction)
    assert {rollout.kind for rollout in rollouts} == {"correct", "wrong", "unparsed"}


def test_the_completions_follow_from_the_seed_whatever_was_drawn_before(policy: Policy) -> None:
    first = sampled(policy)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert sampled(policy) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert sampled(policy, seed=1) != first


def test_a_group_is_of_different_completions_unless_the_temperature_is_low(policy: Policy) -> None:
    def kinds(rollouts: tuple[Rollout, ...]) -> float:
        groups = [{r.completion for r in rollouts[i : i + 4]} for i in range(0, len(rollouts), 4)]
        return sum(map(len, groups)) / len(groups)

    assert kinds(sampled(policy)) > 2
    assert kinds(sampled(policy, temperature=0.01)) == 1
    assert kinds(sampled(policy, top_p=0.01)) == 1


def test_a_truncated_completion_is_judged_as_it_stands(policy: Policy) -> None:
    rollouts = sampled(policy, max_tokens=4)
    assert {rollout.length for rollout in rollouts} == {4}
    assert {rollout.kind for rollout in rollouts} == {"unparsed"}
