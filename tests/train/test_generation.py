"""The embedded policy's own generation: where completions end, and how they are sampled."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rewardsearch.config import Config, TaskConfig, TrainConfig
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.trl.generation import Generation, end_tokens, greedy, sampled
from rewardsearch.train.engines.trl.policy import Policy, load_policy

ROWS = load_task(TaskConfig(train_rows=6)).rows("train")


@pytest.fixture
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


def completions(policy: Policy) -> list[Generation]:
    return greedy(policy.base, policy, ROWS, TrainConfig())


def test_a_completion_ends_at_whichever_end_token_comes_first(policy: Policy) -> None:
    whole = completions(policy)
    ids = [policy.tokenizer(text)["input_ids"] for text, _ in whole]
    assert [len(each) for each in ids] == [length for _, length in whole]
    # A token that stands in some completions, at different places, and not at the start of any.
    second = next(
        token
        for token in ids[0][1:]
        if len({each.index(token) if token in each else len(each) for each in ids}) > 2 and token not in ids[0][:1]
    )
    policy.base.generation_config.eos_token_id = [policy.tokenizer.eos_token_id, second]
    assert end_tokens(policy.base, policy.tokenizer) == {policy.tokenizer.eos_token_id, second}
    expected = [each[: each.index(second)] if second in each else each for each in ids]
    assert len({len(each) for each in expected}) > 2
    assert completions(policy) == [(policy.tokenizer.decode(each), len(each)) for each in expected]


def test_the_end_tokens_are_the_tokenizers_and_the_models(policy: Policy) -> None:
    own = policy.tokenizer.eos_token_id
    for told, ends in ((None, {own}), (own, {own}), (7, {own, 7}), ([7, 8], {own, 7, 8})):
        policy.base.generation_config.eos_token_id = told
        assert end_tokens(policy.base, policy.tokenizer) == ends


def groups(policy: Policy, **settings: Any) -> list[list[Generation]]:
    config = TrainConfig(eval_batch_size=12, **settings)
    drawn = sampled(policy.base, policy, [row for row in ROWS for _ in range(4)], 0, config)
    return [drawn[start : start + 4] for start in range(0, len(drawn), 4)]


def test_a_group_is_of_different_completions_unless_the_temperature_is_low(policy: Policy) -> None:
    def kinds(groups: list[list[Generation]]) -> float:
        return sum(len({text for text, _ in group}) for group in groups) / len(groups)

    assert kinds(groups(policy)) > 2
    for settings in ({"temperature": 0.01}, {"top_p": 0.01}, {"trl": {"top_k": 1}}):
        assert kinds(groups(policy, **settings)) == 1


def test_sampling_leaves_the_random_numbers_as_they_were(policy: Policy) -> None:
    first = groups(policy, max_completion_tokens=4)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert groups(policy, max_completion_tokens=4) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert {generation.tokens for group in first for generation in group} == {4}
