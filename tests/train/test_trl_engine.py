"""The reference engine passes the contract of engines."""

from pathlib import Path

from rewardsearch.config import parse_config
from rewardsearch.tasks import load_task
from rewardsearch.testing.engine import CONFIG, EngineSuite, ended, long, make_arm, short
from rewardsearch.train.engines.trl.engine import TrlEngine


class TestTrl(EngineSuite):
    engine_class = TrlEngine


def test_no_job_leaves_a_hook_on_the_shared_policy(tmp_path: Path) -> None:
    # Checkpointing of gradients, as on a GPU, puts hooks on the embeddings.
    settings = {**CONFIG.model_dump(), "policy": {"gradient_checkpointing": True}}
    engine = TrlEngine(parse_config(settings, "test"), None)
    task = load_task(CONFIG.task)

    def hooks() -> int:
        kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        return sum(len(getattr(module, kind)) for module in engine.policy.base.modules() for kind in kinds)

    for number, reward in enumerate((short, long)):
        arm = make_arm(task, reward, number, 1, tmp_path / f"{number}")
        ((_, end),) = engine.train([arm])
        assert ended(arm, end).trained.answers
        engine.evaluate(task.rows("val"), tmp_path / f"{number}")
        assert hooks() == 0 and not engine.policy.base.is_gradient_checkpointing
