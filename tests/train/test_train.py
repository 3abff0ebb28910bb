"""Real training on the embedded policy, a few steps at a time."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsearch.config import Config, LoraConfig, TaskConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import Batch, RewardSpec, Row, TrainingJob
from rewardsearch.tasks import Generation, load_task
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engine import Arm
from rewardsearch.train.engines.trl.generation import greedy
from rewardsearch.train.engines.trl.grpo import train
from rewardsearch.train.engines.trl.policy import Policy, load_policy
from rewardsearch.train.worker.observe import Observer


@dataclass
class Scored:
    rewards: list[float]
    components: dict[str, list[float]] = field(default_factory=dict)


def short(batch: Batch) -> Scored:
    return Scored([-float(len(c)) for c in batch.completions])


def tagged(batch: Batch) -> Scored:
    return Scored([float(c.count("<solution>")) for c in batch.completions])


def constant(batch: Batch) -> Scored:
    return Scored([1.0] * len(batch))


Reward = Callable[[Batch], Scored]
Trained = tuple[str, list[Generation], Observer]


def digest(tensors: Sequence[torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


@pytest.fixture(scope="module")
def run(policy: Policy) -> Callable[..., Trained]:
    """Trains for two steps. The same call is trained once, unless `again`."""
    small = parse_config(
        {
            "task": {"train_rows": 64, "val_rows": 6, "test_rows": 6},
            "train": {"steps": 2, "prompts_per_step": 2, "group_size": 4, "max_completion_tokens": 16},
        },
        "test",
    )
    task = load_task(small.task)
    rows = task.rows("train")
    trained: dict[str, Trained] = {}

    def run(*rewards: Reward, again: bool = False, **changes: Any) -> Trained:
        key = repr((rewards, changes))
        if again:
            return train_now(*rewards, **changes)
        if key not in trained:
            trained[key] = train_now(*rewards, **changes)
        return trained[key]

    def train_now(
        *rewards: Reward,
        seed: int = 0,
        weights: Sequence[float] = (),
        segment: dict[str, object] | None = None,
        course: dict[str, Any] | None = None,
        asked: Callable[[Row], Row] = lambda row: row,
        **settings: object,
    ) -> Trained:
        config = small.train.model_copy(update=settings)
        specs = [
            (RewardSpec(id=f"r{i}", name=f"r{i}", code="", weight=weights[i] if weights else 1.0), reward)
            for i, reward in enumerate(rewards)
        ]
        job = TrainingJob(id="x", rewards=tuple(s for s, _ in specs), seed=seed, steps=config.steps, folder="x")
        job = job.model_copy(update=segment or {})
        asked_rows = list(map(asked, rows))
        limit = config.max_completion_tokens
        observer = Observer(task, asked_rows, specs, config.group_size, limit, lambda step: None)
        with policy.fresh_adapter(seed) as model:
            train(model, policy, Arm(job, asked_rows, observer, (), **(course or {})), config, PhaseClock())
            adapter = digest([p for name, p in sorted(model.named_parameters()) if "lora" in name])
            answers = greedy(model, policy, list(map(asked, task.rows("val"))), config)
        return adapter, answers, observer

    return run


def test_messages_train_a_policy_without_a_chat_template_as_their_plain_text_does(run: Callable[..., Trained]) -> None:
    def chat(row: Row) -> Row:
        return row.model_copy(update={"prompt": [{"role": "user", "content": row.prompt_text}]})

    assert run(short, asked=chat)[:2] == run(short)[:2]


def in_segments(run: Callable[..., Trained], folder: Path, ends: Sequence[int], **settings: object) -> Trained:
    """A run that stops at each of `ends` and is carried on from there."""
    start = None
    for end in ends:
        keep = folder / str(end) if end != ends[-1] else None
        trained = run(
            short, segment={"steps": end, "schedule": ends[-1]}, course={"start": start, "checkpoint": keep}, **settings
        )
        start = keep
    return trained


@pytest.mark.parametrize("settings", [{}, {"lr_schedule": "constant", "micro_batch": 4}], ids=str)
def test_a_run_in_segments_ends_as_one_that_was_never_cut_to_the_last_bit(
    run: Callable[..., Trained], tmp_path: Path, settings: dict[str, object]
) -> None:
    adapter, outcomes, observer = run(short, steps=4, **settings)
    parts = in_segments(run, tmp_path, (1, 3, 4), steps=4, **settings)
    assert (parts[0], parts[1]) == (adapter, outcomes)
    assert parts[2].curves() == observer.curves()
    assert parts[2].correlations() == observer.correlations()
    assert parts[2].disagreements() == observer.disagreements()


def test_a_segment_is_not_a_run_of_its_own_length(run: Callable[..., Trained]) -> None:
    # The learning rate falls over the whole run's steps.
    assert run(short, segment={"steps": 2, "schedule": 4})[0] != run(short)[0]


def test_how_rewards_are_summed_up_has_its_effect(run: Callable[..., Trained]) -> None:
    adapters = {
        run(short, tagged, segment={"aggregation": how})[0] for how in ("sum_then_normalize", "normalize_then_sum")
    }
    assert len(adapters) == 2


def test_how_advantages_are_scaled_has_its_effect(run: Callable[..., Trained]) -> None:
    assert len({run(short, scale_rewards=how)[0] for how in ("group", "batch", "none")}) == 3


def test_the_loss_type_has_its_effect(run: Callable[..., Trained]) -> None:
    # Two micro-batches a step: over a whole batch at once, dapo and bnpo have the same mean over tokens.
    assert len({run(short, loss_type=kind, micro_batch=4)[0] for kind in ("grpo", "dapo", "dr_grpo", "bnpo")}) == 4


def test_target_modules_are_those_that_an_adapter_is_put_on(policy: Policy) -> None:
    found = {}
    for targets in ("all-linear", ["q_proj", "v_proj"]):
        with policy.fresh_adapter(0, LoraConfig(target_modules=targets)) as model:
            names = [name for name, _ in model.named_parameters() if "lora_A" in name]
            found[str(targets)] = {name.split(".lora_A")[0].rpartition(".")[2] for name in names}
    assert found.pop("['q_proj', 'v_proj']") == {"q_proj", "v_proj"} < found["all-linear"]


def test_training_leaves_the_policys_forward_as_it_was(run: Callable[..., Trained], policy: Policy) -> None:
    run(short)
    assert "forward" not in vars(policy.base)


@pytest.mark.parametrize("targets", [["q_proj", "qkv"], ["lm_head"], r".*\.qkv"], ids=str)
def test_modules_that_no_adapter_can_be_put_on_are_told_with_those_that_there_are(
    policy: Policy, targets: str | list[str]
) -> None:
    told = r"sft\.lora\.target_modules: .*(qkv|lm_head)"
    with pytest.raises(UserError, match=told) as raised, policy.fresh_adapter(0, LoraConfig(target_modules=targets)):
        pass
    if "lm_head" not in targets:
        assert str(raised.value).endswith(": q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")


def test_a_step_that_does_not_fit_into_memory_is_told_with_the_keys_to_lower(run: Callable[..., Trained]) -> None:
    def limited(batch: Batch) -> Scored:
        # The first allocation of this size fails on any machine.
        torch.empty(1 << 45)
        return short(batch)

    with pytest.raises(UserError) as raised:
        run(limited, again=True)
    for key in (
        "train.micro_batch (got 8 of 8",
        "train.prompts_per_step (got 2)",
        "train.max_completion_tokens (got 16)",
    ):
        assert key in str(raised.value)
    assert run(short, again=True)[0] == run(short)[0]


def test_dropout_changes_what_an_adapter_learns(
    run: Callable[..., Trained], policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = run(short)[0]
    lora = policy.config.lora.model_copy(update={"dropout": 0.5})
    monkeypatch.setattr(policy, "config", policy.config.model_copy(update={"lora": lora}))
    assert run(short, again=True)[0] != without


def test_a_reward_without_spread_has_no_gradient_and_dead_groups(run: Callable[..., Trained]) -> None:
    _, _, observer = run(constant)
    assert [(p.grad_norm, p.zero_std_fraction) for p in observer.curves()] == [(0.0, 1.0)] * 2


def test_a_weight_of_zero_does_not_touch_the_training(run: Callable[..., Trained]) -> None:
    assert run(short)[0] == run(short, tagged, weights=(1.0, 0.0))[0]


def test_a_micro_batch_still_gives_whole_steps_to_a_reward(run: Callable[..., Trained]) -> None:
    sizes: list[int] = []

    def watched(batch: Batch) -> Scored:
        sizes.append(len(batch))
        return short(batch)

    run(watched, micro_batch=4)
    assert sizes == [8, 8]


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 1e-2}, {"temperature": 0.5}, {"top_p": 0.5}, {"lr_schedule": "constant"}, {"beta": 0.5}],
    ids=str,
)
def test_a_training_setting_has_its_effect(run: Callable[..., Trained], settings: dict[str, object]) -> None:
    assert run(short, **settings)[0] != run(short)[0]


@pytest.mark.parametrize(
    "trl", [{"max_grad_norm": 1e-3}, {"weight_decay": 10.0}, {"epsilon_high": 0.5, "top_k": 2}], ids=str
)
def test_a_field_of_trl_has_its_effect(run: Callable[..., Trained], trl: dict[str, object]) -> None:
    assert run(short, trl=trl)[0] != run(short)[0]


@pytest.mark.parametrize("checkpointing", ["auto", True, False])
def test_gradient_checkpointing_can_be_turned_on_and_off_and_changes_no_bit_on_a_cpu(
    run: Callable[..., Trained], policy: Policy, monkeypatch: pytest.MonkeyPatch, checkpointing: bool | str
) -> None:
    on: set[bool] = set()

    def watched(batch: Batch) -> Scored:
        on.add(policy.base.is_gradient_checkpointing)
        return short(batch)

    update = {"gradient_checkpointing": checkpointing}
    monkeypatch.setattr(policy, "config", policy.config.model_copy(update=update))
    assert run(watched, again=True)[0] == run(short)[0]
    assert on == {checkpointing is True}


def test_evaluation_does_not_depend_on_the_batch_size(policy: Policy) -> None:
    rows = load_task(TaskConfig(val_rows=12)).rows("val")
    sizes = [Config().train.model_copy(update={"eval_batch_size": size}) for size in (1, 5, 12)]
    answers = [greedy(policy.base, policy, rows, config) for config in sizes]
    assert answers[0] == answers[1] == answers[2]


def test_a_model_that_is_not_there_is_a_user_error() -> None:
    config = Config.model_validate({"policy": {"model": "/no/such/folder"}})
    with pytest.raises(UserError, match=r"policy\.model: could not load /no/such/folder"):
        load_policy(config.policy)
