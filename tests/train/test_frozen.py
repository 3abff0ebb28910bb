"""The frozen base is the same weights for every arm."""

from __future__ import annotations

import pytest
import torch

from rewardsearch.config import Config
from rewardsearch.errors import MachineError
from rewardsearch.train.engines.trl.frozen import check_frozen, weight_digests
from rewardsearch.train.engines.trl.policy import Policy, load_policy


@pytest.fixture
def policy() -> Policy:
    return load_policy(Config().policy)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_bit_of_any_weight_counts(dtype: torch.dtype) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(70, 90), torch.nn.Linear(3, 1)).to(dtype)
    before = weight_digests(model)
    for name, weight in model.named_parameters():
        for place in (0, weight.numel() // 2, weight.numel() - 1):
            bits = weight.detach().view(torch.uint8).view(-1)
            bits[place * weight.element_size()] ^= 1
            with pytest.raises(MachineError, match=rf"1 of 4 weights, {name} "):
                check_frozen(model, before)
            bits[place * weight.element_size()] ^= 1
    check_frozen(model, before)


def test_rows_that_change_places_count() -> None:
    model = torch.nn.Linear(2048, 4)
    before = weight_digests(model)
    with torch.no_grad():
        model.weight.copy_(model.weight.flip(0))
    with pytest.raises(MachineError, match="weight"):
        check_frozen(model, before)


@pytest.mark.parametrize("adapter", [True, False])
def test_a_weight_that_changes_behind_an_arms_back_ends_it(policy: Policy, adapter: bool) -> None:
    wearing = policy.fresh_adapter(0) if adapter else policy.saved_adapter(None)
    name = "up_proj.base_layer.weight" if adapter else "up_proj.weight"
    with pytest.raises(MachineError, match=r"layers\.0\.mlp\.up_proj\.weight"), wearing, torch.no_grad():
        policy.base.model.layers[0].mlp.get_parameter(name)[3, 4] += 1e-3


def test_a_changed_base_is_told_even_where_the_arm_failed(policy: Policy) -> None:
    with pytest.raises(MachineError), policy.fresh_adapter(0):
        policy.base.model.norm.weight.data[0] += 1
        raise ArithmeticError
