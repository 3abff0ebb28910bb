"""The engine `vllm` passes the contract of engines, with a server of ours in vLLM's place, and takes its server seriously."""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_vllm import FakeVllm, by_weights, of_policy, serving

from rewardsearch.config import Config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import RewardSpec, TrainingJob
from rewardsearch.tasks import load_task
from rewardsearch.testing.engine import CONFIG, EngineSuite, long
from rewardsearch.train.engine import Arm, Diverged
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.engines.vllm.engine import VllmEngine
from rewardsearch.train.worker.observe import Observer

FAKE = (sys.executable, str(Path(__file__).parents[1] / "helpers" / "fake_vllm.py"))
MODEL = policy_folder(CONFIG.policy.model)
TASK = load_task(CONFIG.task)
ROWS = TASK.rows("val")


def with_server(config: Config, **settings: Any) -> Config:
    """`config` with the engine `vllm` and these settings of its server."""
    train = config.train
    changed = {"engine": "vllm", "vllm": train.vllm.model_copy(update=settings)}
    return config.model_copy(update={"train": train.model_copy(update=changed)})


class OnFake(VllmEngine):
    """The engine, where every config has a server of ours."""

    def __init__(self, config: Config, start: Path | None) -> None:
        super().__init__(with_server(config, command=FAKE), start)


class TestVllm(EngineSuite):
    engine_class = OnFake


@pytest.fixture(scope="module")
def fake() -> FakeVllm:
    return FakeVllm(by_weights(MODEL, of_policy(MODEL)), version="9.9")


@pytest.fixture(scope="module")
def running(fake: FakeVllm) -> Iterator[VllmEngine]:
    """An engine with a server that runs already."""
    with serving(fake) as url:
        yield VllmEngine(with_server(CONFIG, url=url), None)


@pytest.fixture
def engine(running: VllmEngine, fake: FakeVllm) -> VllmEngine:
    fake.asked.clear()
    fake.fault = lambda path, body: None
    return running


def an_arm(steps: int = 2) -> Arm:
    spec = RewardSpec(id="abc", name="reward", code="")
    job = TrainingJob(id="abc", rewards=(spec,), seed=0, steps=steps, folder="abc", schedule=steps)
    rows, train = TASK.rows("train"), CONFIG.train
    observer = Observer(TASK, rows, [(spec, long)], train.group_size, train.max_completion_tokens, lambda step: None)
    return Arm(job, rows, observer, ROWS)


def test_each_step_is_sampled_under_an_adapter_of_its_own_and_evaluated_under_the_last(
    engine: VllmEngine, fake: FakeVllm
) -> None:
    [(_, trained)] = engine.train([an_arm()])
    asked = fake.of("/v1/completions")
    sampled = [body for body in asked if body["temperature"]]
    steps = [{body["model"] for body in step} for step in (sampled[:8], sampled[8:])]
    [last] = {body["model"] for body in asked if not body["temperature"]}
    assert [len(step) for step in steps] == [1, 1] and len({last, *steps[0], *steps[1]}) == 3
    assert len(sampled) == len({body["seed"] for body in sampled}) == 16
    assert len(fake.adapters) == 2 and last in fake.adapters and not isinstance(trained, Exception)
    assert trained.seconds["rollout"] > 0 and engine.device.server == "vLLM 9.9"


def test_a_server_that_fails_in_training_is_the_machines_failure_not_the_arms(
    engine: VllmEngine, fake: FakeVllm
) -> None:
    fake.fault = lambda path, body: (500, {"error": {"message": "EngineCore died"}}) if body.get("seed") else None
    with pytest.raises(MachineError, match="EngineCore died"):
        list(engine.train([an_arm()]))
    fake.fault = lambda path, body: None
    [(_, trained)] = engine.train([an_arm()])
    assert not isinstance(trained, Exception)


def test_a_policy_whose_logits_are_not_finite_diverges(engine: VllmEngine) -> None:
    poisoned = TrlEngine(CONFIG, None).policy
    poisoned.base.lm_head.weight.data[3] = math.nan
    healthy, engine.policy = engine.policy, replace(poisoned)
    try:
        for diverges in (lambda: engine.evaluate(ROWS), lambda: engine.sample(ROWS, 0)):
            with pytest.raises(Diverged):
                diverges()
        [(_, ended)] = engine.train([an_arm()])
        assert isinstance(ended, Diverged)
    finally:
        engine.policy = healthy


def test_answers_are_those_of_the_policy_under_the_adapter(engine: VllmEngine, fake: FakeVllm, tmp_path: Path) -> None:
    reference = TrlEngine(CONFIG, None)
    with reference.policy.fresh_adapter(0) as model:
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data.normal_(std=0.1)
        model.save_pretrained(str(tmp_path))
    shorter, fake.generate = fake.generate, of_policy(MODEL)
    try:
        assert engine.evaluate(ROWS) == reference.evaluate(ROWS) != reference.evaluate(ROWS, tmp_path)
        assert engine.evaluate(ROWS, tmp_path) == reference.evaluate(ROWS, tmp_path)
    finally:
        fake.generate = shorter


def test_a_server_of_another_model_is_refused() -> None:
    other = FakeVllm(lambda adapter, prompt, request: ([5] * request["max_tokens"], [-1.0] * request["max_tokens"]))
    with serving(other) as url, pytest.raises(UserError, match=f"{url} does not give the probabilities of embedded"):
        VllmEngine(with_server(CONFIG, url=url), None)
