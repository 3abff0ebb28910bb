"""The engine `lockstep` beside TRL: the same completions and rewards give the same loss, entropy and gradient."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import load_peft_weights, set_peft_model_state_dict
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rewardsearch.config import Config, TaskConfig
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.lockstep import lora as adapters
from rewardsearch.train.engines.lockstep.lora import Lora
from rewardsearch.train.engines.lockstep.loss import advantages
from rewardsearch.train.engines.lockstep.update import Objective, Rollouts, differentiate, passes
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.policy import Policy, load_policy

GROUP = 4
TOKENS = 9
WEIGHTS = [1.0, 0.5]
TEMPERATURE = 0.7


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


@pytest.fixture(scope="module")
def rollouts(policy: Policy) -> Rollouts:
    """Prompts and completions of different lengths; those that reach the limit do not end."""
    generator = torch.Generator().manual_seed(5)
    completions = []
    for number in range(3 * GROUP):
        length = (number * 5) % TOKENS + 1
        ids = torch.randint(2, policy.base.config.vocab_size, (length,), generator=generator).tolist()
        completions.append([*ids[:-1], policy.tokenizer.eos_token_id] if length < TOKENS else ids)
    rows = load_task(TaskConfig(train_rows=40)).rows("train")
    ids = sorted((prompt_ids(policy.tokenizer, row) for row in rows), key=len)
    return Rollouts([ids[0], ids[-1], ids[20]], completions)


@pytest.fixture(scope="module")
def rewards() -> torch.Tensor:
    """Two rewards, the first of which is the same throughout the last group."""
    found = torch.randn((3 * GROUP, 2), generator=torch.Generator().manual_seed(6))
    found[-GROUP:, 0] = 1.0
    return found


@pytest.fixture(scope="module")
def lora(policy: Policy) -> Lora:
    """An adapter that has left its start."""
    made = adapters.fresh(policy, 1)
    with torch.no_grad():
        for number, up in enumerate(made.up):
            up.copy_(torch.randn(up.shape, generator=torch.Generator().manual_seed(number)) * 0.02)
    return made


class _Step(TrainerCallback):  # type: ignore[misc]
    """Keeps the gradient of TRL's step, and what is logged of it."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        trained = ((name, each.grad) for name, each in kwargs["model"].named_parameters() if each.grad is not None)
        self.gradient = {name.removeprefix("base_model.model."): grad.clone() for name, grad in trained}

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "grad_norm" in logs:
            self.logs = dict(logs)


SETTINGS: list[dict[str, Any]] = [
    {"loss_type": "dapo"},
    {"loss_type": "dapo", "scale_rewards": "batch", "beta": 0.3},
    {"loss_type": "grpo", "scale_rewards": "none"},
    {"loss_type": "dr_grpo", "multi_objective_aggregation": "normalize_then_sum"},
    {"loss_type": "bnpo", "beta": 0.1},
    {"loss_type": "dapo", "micro_batch": 4},
    {"loss_type": "grpo", "micro_batch": 3, "beta": 0.1},
    {"loss_type": "dr_grpo", "micro_batch": 6},
]


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda settings: "-".join(map(str, settings.values())))
def beside(
    request: pytest.FixtureRequest,
    policy: Policy,
    lora: Lora,
    rollouts: Rollouts,
    rewards: torch.Tensor,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], _Step]:
    """Settings, and a step of TRL with them on `rollouts`, whose rewards are `rewards`."""
    settings = dict(request.param)
    micro_batch = settings.pop("micro_batch", 3 * GROUP)
    folder = tmp_path_factory.mktemp("trl")
    adapters.save(policy, lora, folder / "adapter")
    prompts = [prompt for prompt in rollouts.prompts for _ in range(GROUP)]
    given = {"prompt_ids": prompts, "completion_ids": list(rollouts.completions), "logprobs": None}
    step = _Step()

    def reward(number: int) -> Any:
        def function(**columns: Any) -> list[float]:
            return rewards[:, number].tolist()

        function.__name__ = f"reward{number}"
        return function

    with policy.fresh_adapter(0) as model, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=[reward(0), reward(1)],
            args=GRPOConfig(
                output_dir=str(folder),
                max_steps=1,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=3 * GROUP // micro_batch,
                num_generations=GROUP,
                max_completion_length=TOKENS,
                max_grad_norm=0.0,
                reward_weights=WEIGHTS,
                temperature=TEMPERATURE,
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                report_to="none",
                disable_tqdm=True,
                logging_steps=1,
                save_strategy="no",
                **settings,
            ),
            train_dataset=Dataset.from_list([{"prompt": "a"}] * 3),
            processing_class=policy.tokenizer,
            callbacks=[step],
            rollout_func=lambda prompts, trainer: given,
        )
        trainer.remove_callback(PrinterCallback)
        # Not before: TRL's reference is the adapter that it is given.
        set_peft_model_state_dict(model, load_peft_weights(str(folder / "adapter")))
        trainer.train()
    return dict(request.param), step


def test_a_step_has_the_loss_the_entropy_and_the_gradient_of_trl(
    beside: tuple[dict[str, Any], _Step],
    policy: Policy,
    lora: Lora,
    rollouts: Rollouts,
    rewards: torch.Tensor,
) -> None:
    settings, step = beside
    objective = Objective(
        settings["loss_type"], settings.get("beta", 0.0), TEMPERATURE, TOKENS, settings.get("micro_batch", 3 * GROUP)
    )
    aggregation = settings.get("multi_objective_aggregation", "sum_then_normalize")
    found = advantages(rewards, torch.tensor(WEIGHTS), GROUP, settings.get("scale_rewards", "group"), aggregation)
    update = differentiate(policy.base, lora, rollouts, found, objective, policy.tokenizer.pad_token_id)
    assert update.loss == pytest.approx(step.logs["loss"], abs=1e-5)
    # TRL takes the mean over micro-batches, whatever their lengths.
    assert update.entropy == pytest.approx(step.logs["entropy"], abs=0.05 if "micro_batch" in settings else 1e-5)
    pairs = []
    for name, down, up in zip(lora.targets, lora.down, lora.up, strict=True):
        pairs.append((down.grad, step.gradient[f"{name}.lora_A.default.weight"]))
        pairs.append((up.grad, step.gradient[f"{name}.lora_B.default.weight"]))
        down.grad = up.grad = None
    size = torch.cat([theirs.flatten() for _, theirs in pairs]).norm()
    assert size > 0.01
    assert torch.cat([(ours - theirs).flatten() for ours, theirs in pairs]).norm() < 1e-5 * size
    assert all(weight.grad is None for weight in policy.base.parameters())


@pytest.mark.parametrize("most, cost", [(64, 64), (64, 10**6), (5, 64), (64, 0), (1, 8)])
def test_passes_hold_completions_of_similar_length_at_the_least_cost(most: int, cost: int) -> None:
    sizes = [(37 * n) % 23 + 1 for n in range(64)]
    found = passes(sizes, most, cost)
    assert sorted(row for rows in found for row in rows) == list(range(64)) and max(map(len, found)) <= most
    widths = [sorted(sizes[row] for row in rows) for rows in found]
    assert all(after[-1] <= before[0] for before, after in pairwise(widths))

    def total(parts: list[list[int]]) -> int:
        return sum(len(part) * max(part) + cost for part in parts)

    ordered = sorted(sizes)
    even = [[ordered[start : start + size] for start in range(0, 64, size)] for size in range(1, most + 1)]
    assert total(widths) <= min(map(total, even))
