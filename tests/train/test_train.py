"""Real training on the embedded policy, a few steps at a time."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsearch.config import Config, LoraConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Batch, Outcome, RewardSpec, Row, TrainingJob
from rewardsearch.tasks import load_task
from rewardsearch.train.evaluate import evaluate
from rewardsearch.train.grpo import train
from rewardsearch.train.observe import Observer
from rewardsearch.train.policy import Policy, load_policy


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
Trained = tuple[str, tuple[Outcome, ...], Observer]


def digest(tensors: Sequence[torch.Tensor]) -> str:
    return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


@pytest.fixture
def run(policy: Policy, small_config: Config) -> Callable[..., Trained]:
    task = load_task(small_config.task)
    rows = task.rows("train")

    def run(
        *rewards: Reward,
        seed: int = 0,
        weights: Sequence[float] = (),
        segment: dict[str, object] | None = None,
        course: dict[str, Any] | None = None,
        asked: Callable[[Row], Row] = lambda row: row,
        **settings: object,
    ) -> Trained:
        config = small_config.train.model_copy(update=settings)
        specs = [
            (RewardSpec(id=f"r{i}", name=f"r{i}", code="", weight=weights[i] if weights else 1.0), reward)
            for i, reward in enumerate(rewards)
        ]
        job = TrainingJob(id="x", rewards=tuple(s for s, _ in specs), seed=seed, steps=config.steps, folder="x")
        job = job.model_copy(update=segment or {})
        with policy.fresh_adapter(seed) as model:
            observer = train(
                model, policy, task, list(map(asked, rows)), job, specs, config, lambda step: None, **(course or {})
            ).observer
            adapter = digest([p for name, p in sorted(model.named_parameters()) if "lora" in name])
            outcomes = evaluate(model, policy, task, list(map(asked, task.rows("val"))), 40, 40).outcomes
        return adapter, outcomes, observer

    return run


def test_a_result_does_not_depend_on_what_ran_before_to_the_last_bit(
    run: Callable[..., Trained], policy: Policy
) -> None:
    base = digest(list(policy.base.parameters()))
    first, outcomes, observer = run(short)
    other, _, _ = run(tagged, seed=3)
    again, outcomes_again, observer_again = run(short)
    assert (again, outcomes_again, observer_again.curves()) == (first, outcomes, observer.curves())
    assert other != first
    assert digest(list(policy.base.parameters())) == base


def test_messages_train_a_policy_without_a_chat_template_as_their_plain_text_does(run: Callable[..., Trained]) -> None:
    def chat(row: Row) -> Row:
        return row.model_copy(update={"prompt": [{"role": "user", "content": row.prompt_text}]})

    assert run(short, asked=chat)[:2] == run(short)[:2]


def in_stretches(run: Callable[..., Trained], folder: Path, ends: Sequence[int], **settings: object) -> Trained:
    """A run that stops at each of `ends` and is carried on from there."""
    start = None
    for end in ends:
        keep = folder / str(end) if end != ends[-1] else None
        trained = run(
            short, segment={"steps": end, "schedule": ends[-1]}, course={"start": start, "keep": keep}, **settings
        )
        start = keep
    return trained


@pytest.mark.parametrize("settings", [{}, {"lr_schedule": "constant", "micro_batch": 4}], ids=str)
def test_a_run_in_stretches_ends_as_one_that_was_never_cut_to_the_last_bit(
    run: Callable[..., Trained], tmp_path: Path, settings: dict[str, object]
) -> None:
    adapter, outcomes, observer = run(short, steps=6, **settings)
    parts = in_stretches(run, tmp_path, (1, 4, 6), steps=6, **settings)
    assert (parts[0], parts[1]) == (adapter, outcomes)
    assert parts[2].curves() == observer.curves()
    assert parts[2].correlations() == observer.correlations()
    assert parts[2].disagreements() == observer.disagreements()


def test_a_stretch_is_not_a_run_of_its_own_length(run: Callable[..., Trained]) -> None:
    # The learning rate falls over the whole run's steps.
    assert run(short, segment={"steps": 2, "schedule": 6})[0] != run(short)[0]


def test_a_run_ends_where_it_is_not_worth_going_on_with(run: Callable[..., Trained], tmp_path: Path) -> None:
    keep = tmp_path / "checkpoint"
    course = {"stop": lambda points: "enough" if len(points) == 2 else None, "keep": keep}
    _, _, observer = run(short, steps=4, course=course)
    assert [point.step for point in observer.curves()] == [1, 2]
    assert not keep.exists()


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


def test_dropout_changes_what_an_adapter_learns(
    run: Callable[..., Trained], policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = run(short)[0]
    lora = policy.config.lora.model_copy(update={"dropout": 0.5})
    monkeypatch.setattr(policy, "config", policy.config.model_copy(update={"lora": lora}))
    assert run(short)[0] != without


def test_every_candidate_trains_on_the_same_prompts_in_the_same_order(run: Callable[..., Trained]) -> None:
    prompts: dict[str, list[str]] = {"short": [], "tagged": []}

    def watched(reward: Reward, name: str) -> Reward:
        def inner(batch: Batch) -> Scored:
            prompts[name].extend(batch.prompts)
            return reward(batch)

        return inner

    run(watched(short, "short"))
    run(watched(tagged, "tagged"))
    assert prompts["short"] == prompts["tagged"]
    assert len(set(prompts["short"])) == 4


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


def test_what_a_reward_raises_goes_through(run: Callable[..., Trained]) -> None:
    def broken(batch: Batch) -> Scored:
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError):
        run(broken)
    assert run(short)[0] == run(short)[0]


def test_evaluation_does_not_depend_on_the_batch_size(policy: Policy, small_config: Config) -> None:
    task = load_task(small_config.task)
    rows = task.rows("val")[:12]
    outcomes = [evaluate(policy.base, policy, task, rows, 40, size).outcomes for size in (1, 5, 12)]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert [o.id for o in outcomes[0]] == [row.id for row in rows]


def test_a_model_that_is_not_there_is_a_user_error() -> None:
    config = Config.model_validate({"policy": {"model": "/no/such/folder"}})
    with pytest.raises(UserError, match=r"policy\.model: could not load /no/such/folder"):
        load_policy(config.policy)
