"""Policies that diverge, with real training on the embedded policy: the candidate's or the setting's failure."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from working import train_now

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.monitor.rules import alarms
from rewardsearch.records import DIVERGED, FULL, CurvePoint, RewardSpec, TrainingJob, TrainingResult
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.run.artifacts import load_result, save_result
from rewardsearch.run.jobs import policy_job
from rewardsearch.tasks import load_task
from rewardsearch.train.engine import Diverged
from rewardsearch.train.engines.trl.divergence import check_weights, logits_checked
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.engines.trl.policy import Policy, load_policy
from rewardsearch.train.engines.trl.sft import fine_tune
from rewardsearch.train.launcher import FineTune, SampleBank
from rewardsearch.train.worker.jobs import Worker
from rewardsearch.train.worker.observe import Observer

CONSTANT = "def reward(prompts, completions, answer, **columns):\n    return [1.0 for c in completions]\n"
LENGTH = "def reward(prompts, completions, answer, **columns):\n    return [SCALE * len(c) for c in completions]\n"
SOMETIMES = (
    "def reward(prompts, completions, answer, **columns):\n"
    "    return [1e30 * len(c) * ('?' in p) for p, c in zip(prompts, completions)]\n"
)
DATA: dict[str, Any] = {
    "task": {"train_rows": 16, "val_rows": 8, "test_rows": 8},
    "train": {"steps": 4, "prompts_per_step": 4, "group_size": 2, "max_completion_tokens": 12, "learning_rate": 1e3},
    "validation": {"bound": 1e300},
}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Makes workers on one run, whose settings of `train` are changed."""
    with ExitStack() as stack:

        def make(**train: Any) -> Worker:
            config = parse_config(DATA | {"train": DATA["train"] | train}, "test")
            return stack.enter_context(closing(Worker(tmp_path, config)))

        yield make


def job(code: str, **fields: Any) -> TrainingJob:
    spec = RewardSpec(id="abc", name="candidate", code=code)
    return TrainingJob(id="abc", seed=0, steps=4, folder="candidates/abc", rewards=(spec,)).model_copy(update=fields)


def test_a_candidate_that_diverges_fails_with_its_step_and_the_next_one_is_trained_as_ever(
    worker: Callable[..., Worker], tmp_path: Path
) -> None:
    working = worker()
    whole = train_now(working, job(CONSTANT))
    result = train_now(working, job(LENGTH.replace("SCALE", "0.01"), rung="rung1", steps=3, schedule=4))
    assert (result.status, result.flags, result.outcomes) == ("failed", (DIVERGED,), ())
    assert result.reason is not None and result.reason.startswith(f"diverged at step {result.steps}: ")
    assert 1 <= result.steps <= 3
    assert load_result(tmp_path / "candidates/abc") == result
    again = train_now(working, job(CONSTANT))
    same = {"seconds", "phases", "peak_memory_mb"}
    assert again.model_dump(exclude=same) == whole.model_dump(exclude=same) and again.status == "done"


def test_a_baseline_that_diverges_fails(worker: Callable[..., Worker]) -> None:
    base = load_base_rewards(Config().train.base_rewards)
    result = train_now(worker(), job("", id="baseline", rewards=base))
    assert (result.status, result.flags) == ("failed", (DIVERGED,))


def test_steps_without_a_finite_gradient_are_counted_and_a_run_with_others_goes_on(
    worker: Callable[..., Worker], tmp_path: Path
) -> None:
    working = worker(learning_rate=1e-3, scale_rewards="none")
    rows = working.train_rows
    # Only a question of one of the steps is paid beyond what the gradient can hold.
    code = SOMETIMES.replace("'?'", repr(rows[0].prompt_text.splitlines()[0]))
    spec = RewardSpec(id="def", name="short", code=LENGTH.replace("SCALE", "-0.01"))
    result = train_now(working, job(code, rewards=(*job(code).rewards, spec)))
    assert (result.status, result.steps, len(result.outcomes)) == ("done", 4, 8)
    norms = [point.grad_norm for point in result.curves]
    assert result.nonfinite_steps == norms.count(None) == 1
    assert result.flags == ("1 non-finite step",)
    assert load_result(tmp_path / "candidates/abc") == result


def test_a_run_without_a_single_finite_gradient_fails(worker: Callable[..., Worker]) -> None:
    result = train_now(worker(learning_rate=1e-3, scale_rewards="none"), job(LENGTH.replace("SCALE", "1e30")))
    assert (result.status, result.flags) == ("failed", (DIVERGED,))
    assert result.reason is not None and "at any step" in result.reason


@pytest.fixture
def policy() -> Policy:
    return load_policy(Config().policy)


@pytest.mark.parametrize("value", [math.nan, 1e38])
@pytest.mark.parametrize("kind", ["train", "bank", "sft"])
def test_a_policy_whose_logits_are_not_finite_before_any_training_is_the_users_to_replace(
    worker: Callable[..., Worker], policy: Policy, value: float, kind: str, tmp_path: Path
) -> None:
    working = worker()
    policy.base.lm_head.weight.data[3] = value
    engine = TrlEngine(working.config, None)
    # Loaded so.
    engine.policy = replace(policy)
    working.engine = engine
    if kind == "train":
        result = train_now(working, policy_job(0))
        assert (result.status, result.reason) == ("failed", "the policy's logits are not finite")
        return
    with pytest.raises(UserError, match=r"policy\.model or policy\.dtype"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("rewardsearch.train.worker.jobs.load_engine", lambda *_: engine)
        list(working.carry_out([FineTune() if kind == "sft" else SampleBank(file="bank.jsonl")], lambda *_: None))


def test_single_tokens_may_be_ruled_out_and_gradients_are_not_looked_at(policy: Policy) -> None:
    ids = torch.tensor([[5, 6]])
    with logits_checked(policy.base), torch.no_grad():
        policy.base(input_ids=ids)
        policy.base.lm_head.bias = torch.nn.Parameter(torch.tensor([-math.inf, *[0.0] * (policy.base.vocab_size - 1)]))
        policy.base(input_ids=ids)
        policy.base.lm_head.bias.data[0] = math.nan
        with torch.enable_grad():
            policy.base(input_ids=ids)
        with pytest.raises(Diverged):
            policy.base(input_ids=ids)
    with torch.no_grad():
        policy.base(input_ids=ids)


def test_weights_that_are_not_finite_are_found_where_they_are_trained(policy: Policy) -> None:
    policy.base.lm_head.weight.data[0] = math.nan
    with replace(policy).fresh_adapter(0) as model:
        check_weights(model.parameters())
        next(each for each in model.parameters() if each.requires_grad).data[0] = -math.inf
        with pytest.raises(Diverged):
            check_weights(model.parameters())


def test_a_fine_tuning_that_diverges_in_its_last_step_is_not_saved(policy: Policy, tmp_path: Path) -> None:
    task = load_task(parse_config(DATA, "test").task)
    sft = Config().sft.model_copy(update={"steps": 1, "batch_size": 2, "warmup": 0.0, "learning_rate": 1e39})
    with pytest.raises(UserError, match=r"sft: .*not finite; lower sft\.learning_rate"):
        fine_tune(policy, task.demonstrations(), sft, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


NUMBERS = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_result_with_numbers_that_are_not_finite_is_read_back(tmp_path: Path, number: float) -> None:
    point = CurvePoint(
        step=1,
        reward=number,
        exact_match=0.0,
        components={"a": number},
        length=1.0,
        zero_std_fraction=0.0,
        clipped=0.0,
        entropy=number,
        grad_norm=number,
    )
    result = TrainingResult(
        id="a", rung=FULL, seed=0, steps=1, status="done", curves=(point,), correlations={"a": number}, seconds=number
    )
    save_result(tmp_path, result, "mark")
    read = load_result(tmp_path, "mark")
    assert read is not None and read.correlations == {"a": None}
    assert (read.curves[0].grad_norm, read.curves[0].entropy) == (None, None)
    assert str((read.curves[0].reward, read.curves[0].components["a"], read.seconds)) == str((number,) * 3)


@pytest.mark.parametrize("number", NUMBERS)
def test_what_the_trainer_logs_is_none_where_it_is_not_finite(number: float) -> None:
    observer = Observer(load_task(Config().task), (), (), 2, 8, lambda step: None)
    flat = {"exact_match": 0, "components": {}, "length": 1, "zero_std_fraction": 0, "clipped": 0, "grad_norm": 1.0}
    points = [CurvePoint(step=step, reward=0, **flat).model_dump(mode="json") for step in range(1, 10)]
    observer.restore(json.dumps(json.loads(observer.state()) | {"points": points}))
    for step in range(1, 10):
        observer.logged(step, {"grad_norm": number, "entropy": number})
    assert {(point.grad_norm, point.entropy) for point in observer.curves()} == {(None, None)}
    # A gradient that was never finite has trained nothing.
    assert [(alarm.kind, alarm.hopeless) for alarm in alarms(observer.curves(), Config().watch)] == [("dead", True)]
