"""Generation of the engine `lockstep`: both ways to run adapters, and how tokens are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rewardsearch.config import Config, TaskConfig
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.lockstep import lora as adapters
from rewardsearch.train.engines.lockstep.decode import Begin, Decoded, Limits, Narrowing, decode
from rewardsearch.train.engines.lockstep.fixed import FixedShape
from rewardsearch.train.engines.lockstep.lora import Lora, folded, mixed
from rewardsearch.train.engines.lockstep.sampling import greedy, sampler, uniforms
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.generation import greedy as by_transformers
from rewardsearch.train.engines.trl.policy import Policy, load_policy

ROWS = load_task(TaskConfig(train_rows=12)).rows("train")
PLAIN = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


@pytest.fixture(scope="module")
def prompts(policy: Policy) -> list[list[int]]:
    return [prompt_ids(policy.tokenizer, row) for row in ROWS]


@pytest.fixture(scope="module")
def limits(policy: Policy) -> Limits:
    return Limits(40, [policy.tokenizer.eos_token_id], policy.tokenizer.pad_token_id)


@pytest.fixture(scope="module")
def loras(policy: Policy) -> list[Lora]:
    """Adapters that have left their start, each in another direction."""
    found = []
    for seed in range(3):
        made = adapters.fresh(policy, seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for up in made.up:
                up.copy_(torch.randn(up.shape, generator=generator) * 0.02)
        found.append(made)
    return found


def test_mixed_and_folded_adapters_give_the_tokens_of_transformers(
    policy: Policy, prompts: list[list[int]], limits: Limits, loras: list[Lora], tmp_path: Path
) -> None:
    alone = []
    for lora in loras:
        with folded(policy.base, [lora]):
            alone.append(decode(policy.base, prompts, 1, greedy, limits, Narrowing).ids)
    with mixed(policy.base, loras):
        together = decode(policy.base, prompts * 3, 1, greedy, limits, FixedShape(False).under(loras))
    assert together.ids == [ids for each in alone for ids in each] and all(together.finite)
    assert len({len(ids) for ids in together.ids}) > 3 and alone[0] != alone[1]
    adapters.save(policy, loras[1], tmp_path / "adapter")
    with policy.saved_adapter(tmp_path / "adapter") as model:
        expected = by_transformers(model, policy, ROWS, Config().train)
    assert [policy.tokenizer.decode(ids, skip_special_tokens=True) for ids in alone[1]] == [
        each.text for each in expected
    ]


def test_mixed_adapters_give_the_logits_of_folded_ones(
    policy: Policy, prompts: list[list[int]], limits: Limits, loras: list[Lora]
) -> None:
    def logits(decoding: Callable[[Callable[..., torch.Tensor]], Decoded]) -> torch.Tensor:
        """Those of three given tokens."""
        seen = []

        def choose(logits: torch.Tensor, rows: torch.Tensor, place: int) -> torch.Tensor:
            seen.append(logits)
            return 5 + rows % 2 + place

        decoding(choose)
        return torch.stack(seen)

    short = limits._replace(tokens=3)
    expected = []
    for lora in loras:
        with folded(policy.base, [lora]):
            expected.append(logits(lambda choose: decode(policy.base, prompts, 2, choose, short, Narrowing)))
    begin = FixedShape(False).under(loras)
    with mixed(policy.base, loras):
        found = logits(lambda choose: decode(policy.base, prompts * 3, 2, choose, short, begin))
    assert found.shape == (3, 3 * 24, policy.base.config.vocab_size)
    assert (found - torch.cat(expected, 1)).abs().max() < 1e-4 * found.abs().max()


def test_a_completion_does_not_depend_on_what_else_is_sampled(
    policy: Policy, prompts: list[list[int]], limits: Limits
) -> None:
    def drawn(rows: list[int], begin: Begin = Narrowing) -> list[list[int]]:
        choose = sampler(uniforms(3, 1, rows, 4, limits.tokens), PLAIN, "cpu")
        return decode(policy.base, [prompts[row] for row in rows], 4, choose, limits, begin).ids

    together, fixed = drawn(list(range(12))), FixedShape(False).under([])
    assert drawn(list(range(12)), fixed) == drawn(list(range(12)), fixed) == together
    assert drawn(list(range(11, -1, -1)), fixed) == [
        ids for row in range(11, -1, -1) for ids in together[4 * row :][:4]
    ]
    assert drawn([7]) == together[28:32] and len({tuple(ids) for ids in together[28:32]}) > 1
    assert all(policy.tokenizer.eos_token_id not in ids[:-1] for ids in together)


def test_random_numbers_follow_from_seed_step_row_and_sample() -> None:
    numbers = uniforms(1, 2, [3, 4], 2, 50)
    assert (numbers[2:] == uniforms(1, 2, [4], 2, 50)).all() and (numbers[:, :9] == uniforms(1, 2, [3, 4], 2, 9)).all()
    others = [uniforms(*key, 1, 50)[0] for key in ((0, 2, [3]), (1, 1, [3]), (1, 2, [5]))]
    assert len({tuple(line) for line in [*numbers, *others]}) == 7
    assert abs(uniforms(0, 0, range(200), 4, 50).mean() - 0.5) < 0.01


@pytest.mark.parametrize(
    "drawing, expected",
    [
        (PLAIN, [0.5, 0.3, 0.15, 0.05]),
        (PLAIN | {"temperature": 0.5}, [0.6849, 0.2466, 0.0616, 0.0068]),
        (PLAIN | {"top_p": 0.7}, [0.625, 0.375, 0, 0]),
        (PLAIN | {"top_k": 3}, [0.5263, 0.3158, 0.1579, 0]),
        (PLAIN | {"min_p": 0.5}, [0.625, 0.375, 0, 0]),
    ],
)
def test_tokens_are_drawn_with_their_probabilities(drawing: dict[str, float], expected: list[float]) -> None:
    rows = 4000
    choose = sampler(uniforms(0, 0, range(rows), 1, 1), drawing, "cpu")
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(rows, -1)
    counts = Counter(choose(logits, torch.arange(rows), 0).tolist())
    assert np.array([counts[token] / rows for token in range(4)]) == pytest.approx(np.array(expected), abs=0.025)
    assert all(counts[token] == 0 for token in range(4) if expected[token] == 0)


@pytest.mark.gpu
def test_recorded_steps_give_the_tokens_of_steps_that_are_run_one_by_one(
    prompts: list[list[int]], limits: Limits, loras: list[Lora]
) -> None:
    policy = load_policy(Config.model_validate({"policy": {"device": "cuda"}}).policy)
    moved = [
        replace(lora, down=tuple(each.cuda() for each in lora.down), up=tuple(each.cuda() for each in lora.up))
        for lora in loras
    ]
    found = []
    for shape in (FixedShape(False), FixedShape(True)):
        for chosen in (moved, moved[::-1]):
            with mixed(policy.base, chosen):
                found.append(decode(policy.base, prompts * 3, 2, greedy, limits, shape.under(chosen)).ids)
    assert found[:2] == found[2:] and found[0] != found[1]
