"""The engine `vllm` with the real vLLM on the CPU, in the environment that `make vllm` builds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rewardsearch.config import Config
from rewardsearch.records import RewardSpec, TrainingJob
from rewardsearch.tasks import load_task
from rewardsearch.testing.engine import CONFIG, long
from rewardsearch.train.engine import Arm, Trained
from rewardsearch.train.engines.trl.engine import TrlEngine
from rewardsearch.train.engines.vllm.engine import VllmEngine
from rewardsearch.train.worker.observe import Observer

pytestmark = pytest.mark.vllm
PYTHON = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
COMMAND = (
    *("env", "VLLM_CPU_KVCACHE_SPACE=1", "VLLM_CPU_CI_ENV=1"),
    *(str(PYTHON), "-P", "-m", "vllm.entrypoints.openai.api_server", "--enforce-eager"),
)
TASK = load_task(CONFIG.task)
ROWS = TASK.rows("val")


@pytest.fixture(scope="module")
def config() -> Config:
    vllm = CONFIG.train.vllm.model_copy(update={"command": COMMAND})
    train = CONFIG.train.model_copy(update={"engine": "vllm", "vllm": vllm, "learning_rate": 5e-2})
    return CONFIG.model_copy(update={"train": train})


@pytest.fixture(scope="module")
def engine(config: Config) -> Iterator[VllmEngine]:
    engine = VllmEngine(config, None)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def reference(config: Config) -> TrlEngine:
    return TrlEngine(config, None)


def test_two_steps_of_grpo_and_the_evaluation_of_what_they_trained(
    config: Config, engine: VllmEngine, reference: TrlEngine, tmp_path: Path
) -> None:
    assert engine.device.server == "vLLM 0.31.0"
    base = engine.evaluate(ROWS)
    assert base == reference.evaluate(ROWS)
    spec = RewardSpec(id="abc", name="reward", code="")
    job = TrainingJob(id="abc", rewards=(spec,), seed=0, steps=2, folder="abc", schedule=2)
    limit, rows = config.train.max_completion_tokens, TASK.rows("train")
    observer = Observer(TASK, rows, [(spec, long)], config.train.group_size, limit, lambda step: None)
    [(_, trained)] = engine.train([Arm(job, rows, observer, ROWS, tmp_path / "adapter")])
    assert isinstance(trained, Trained)
    first, second = observer.curves()
    assert first.grad_norm and second.grad_norm and 0 < second.length <= limit
    assert trained.answers != base
    assert engine.evaluate(ROWS, tmp_path / "adapter") == list(trained.answers)
    assert reference.evaluate(ROWS, tmp_path / "adapter") == list(trained.answers)


def test_samples_of_a_prompt_differ_and_follow_from_the_seed(engine: VllmEngine) -> None:
    rows = [row for row in ROWS[:2] for _ in range(8)]
    first = engine.sample(rows, 0)
    assert engine.sample(rows, 0) == first != engine.sample(rows, 1)
    assert len({*first[:8]}) > 1


def test_a_server_has_the_fine_tuned_policy(config: Config, reference: TrlEngine, tmp_path: Path) -> None:
    reference.fine_tune(TASK.demonstrations(), tmp_path / "adapter")
    tuned = VllmEngine(config, tmp_path / "adapter")
    assert tuned.evaluate(ROWS) == TrlEngine(config, tmp_path / "adapter").evaluate(ROWS) != reference.evaluate(ROWS)
    tuned.close()
