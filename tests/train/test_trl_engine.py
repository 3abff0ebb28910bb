"""The reference engine passes the contract of engines."""

from rewardsearch.testing.engine import EngineSuite
from rewardsearch.train.engines.trl.engine import TrlEngine


class TestTrl(EngineSuite):
    engine_class = TrlEngine
