"""The engine `vllm` passes the contract of engines, with a server of ours in vLLM's place."""

import sys
from pathlib import Path

from rewardsearch.config import Config
from rewardsearch.testing.engine import EngineSuite
from rewardsearch.train.engines.vllm.engine import VllmEngine

FAKE = (sys.executable, str(Path(__file__).parents[1] / "helpers" / "fake_vllm.py"))


def with_server(config: Config, *command: str, **settings: object) -> Config:
    """`config` with the engine `vllm`, whose server `command` starts."""
    vllm = config.train.vllm.model_copy(update={"command": command or FAKE, **settings})
    return config.model_copy(update={"train": config.train.model_copy(update={"engine": "vllm", "vllm": vllm})})


class OnFake(VllmEngine):
    """The engine, where every config has a server of ours."""

    def __init__(self, config: Config, start: Path | None) -> None:
        super().__init__(with_server(config), start)


class TestVllm(EngineSuite):
    engine_class = OnFake
