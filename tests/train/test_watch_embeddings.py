"""A policy that embeds all texts alike, from its vectors to the flag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rewardsearch.config import TaskConfig, WatchConfig
from rewardsearch.monitor.rules import alarms
from rewardsearch.records import Batch, RewardSpec, Row
from rewardsearch.rewards.sandbox import RewardOutput
from rewardsearch.tasks import Generation, Vectors, load_task
from rewardsearch.train.worker.observe import Observer

TASK = load_task(TaskConfig(name="contrast", train_rows=6, val_rows=2, test_rows=2))
NEAR = RewardSpec(id="abcdef", name="near", code="")
GROUP, SIZE = 2, 16


class Drawn:
    """Embeddings drawn at random, with a share of their length in one direction that all texts have."""

    def __init__(self, seed: int, common: float) -> None:
        self._rng, self._common = np.random.default_rng(seed), common

    def write(self, rows: Sequence[Row], temperature: float, seed: int) -> list[Generation]:
        return [Generation("<think> so </think>", 3) for _ in rows]

    def embed(self, passages: Sequence[tuple[Row, str]]) -> Vectors:
        own = self._rng.normal(size=(len(passages), SIZE))
        own[:, 0] = 0
        own *= np.sqrt(1 - self._common**2) / np.linalg.norm(own, axis=1, keepdims=True)
        own[:, 0] = self._common
        return own.astype(np.float32)


def near(batch: Batch) -> RewardOutput:
    return RewardOutput(rewards=tuple(float(value) for value in batch.columns["sim_query"]))


@pytest.mark.parametrize(
    ("common", "flags"),
    [((0.5, 0.5), set()), ((0.5, 0.8), {"watch:embedding_collapse"}), ((1.0, 1.0), {"watch:embedding_collapse"})],
)
def test_a_policy_that_embeds_texts_alike_is_flagged(common: tuple[float, float], flags: set[str]) -> None:
    rows = TASK.rows("train")
    observer = Observer(TASK, rows, [(NEAR, near)], GROUP, 9, lambda step: None)
    places = [place for place in range(len(rows)) for _ in range(GROUP)]
    texts = [f"<think> {place} </think>" for place in range(len(places))]
    for step in range(1, 17):
        observer.measure(Drawn(step, common[step > 8]), places, [Generation(text, 3) for text in texts])
        observer.score(0, places, texts)
        observer.record(places, texts, [3] * len(texts))
        observer.logged(step, {"grad_norm": 1.0})
    found = {alarm.flag for alarm in alarms(observer.curves(), WatchConfig())}
    assert found - {"watch:hacking", "watch:dead"} == flags
