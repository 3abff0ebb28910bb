"""Supervised contrastive training: what it brings together, and what it holds apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_model

from rewardsearch.config import PolicyConfig, TrainConfig
from rewardsearch.records import Row, TrainingJob
from rewardsearch.tasks import Vectors
from rewardsearch.tasks.contrast.pairing import Pairing
from rewardsearch.train.engine import Arm
from rewardsearch.train.engines.trl.contrastive import train_contrastive
from rewardsearch.train.engines.trl.policy import Policy, load_policy
from rewardsearch.train.engines.trl.reading import PolicyReader
from rewardsearch.train.worker.observe import Observer

STEPS = 40
CONFIG = TrainConfig(prompts_per_step=2, group_size=2, steps=STEPS, learning_rate=2e-2, lr_schedule="constant")


def text(words: str) -> Row:
    return Row(id=words, prompt=words, answer="")


QUERIES, POSITIVES = [text(f"Tom has {n}") for n in (1, 2, 3, 4)], [text(f"pens {n}") for n in (5, 6, 7, 8)]


def pairs(group: str | None, negatives: bool = False) -> list[Pairing]:
    """Four pairs, of one group or of none; the hard negative of each is the next one's positive."""
    return [
        Pairing(query, positive, (POSITIVES[(place + 1) % 4],) if negatives else (), group)
        for place, (query, positive) in enumerate(zip(QUERIES, POSITIVES, strict=True))
    ]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return load_policy(PolicyConfig(model=tiny_model(tmp_path_factory.mktemp("policy")), device="cpu"))


def arm_of(job: TrainingJob, contrasts: list[Pairing], **more: Any) -> Arm:
    seen = more.pop("seen", [])
    observer = Observer(None, (), [], 1, 1, seen.append)  # type: ignore[arg-type]
    return Arm(job=job, rows=(), observer=observer, questions=(), contrasts=contrasts, **more)


def trained(policy: Policy, contrasts: list[Pairing], seed: int = 0, steps: int = STEPS) -> Vectors:
    """Cosines of each query (rows) to each positive (columns) after a training on `contrasts`."""
    job = TrainingJob(id="c", rewards=(), seed=seed, steps=steps, folder="c", method="contrastive")
    arm = arm_of(job, contrasts)
    with policy.fresh_adapter(seed) as model:
        train_contrastive(model, policy, arm, CONFIG)
        vectors = PolicyReader(model, policy, CONFIG).embed([(row, "") for row in (*QUERIES, *POSITIVES)])
    return np.asarray(vectors[:4] @ vectors[4:].T)


def margin(cosines: Vectors) -> float:
    """How much nearer the own positives are than the others."""
    return float(cosines.diagonal().mean() - cosines[~np.eye(4, dtype=bool)].mean())


def test_a_query_comes_near_its_own_positive_and_away_from_those_of_others(policy: Policy) -> None:
    before = margin(trained(policy, pairs(None), steps=1))
    assert margin(trained(policy, pairs(None))) > before + 0.1
    assert margin(trained(policy, pairs(None, negatives=True))) > before + 0.1


def test_texts_of_one_group_are_not_held_apart(policy: Policy) -> None:
    # Without a negative there is nothing to learn: the loss is 0.
    assert trained(policy, pairs("one")) == pytest.approx(trained(policy, pairs("one"), steps=1), abs=1e-5)


def test_it_follows_from_the_seed(policy: Policy) -> None:
    first = trained(policy, pairs(None), steps=2)
    assert (trained(policy, pairs(None), steps=2) == first).all()
    assert (trained(policy, pairs(None), seed=1, steps=2) != first).any()


def test_it_reports_each_step_and_pauses_after_the_one_in_hand(policy: Policy) -> None:
    job = TrainingJob(id="c", rewards=(), seed=0, steps=3, folder="c", method="contrastive")
    seen: list[int] = []
    with policy.fresh_adapter(0) as model:
        assert not train_contrastive(model, policy, arm_of(job, pairs(None), seen=seen), CONFIG)
    assert seen == [1, 2, 3]
    asked = iter(["continue", "pause"])
    with policy.fresh_adapter(0) as model:
        arm = arm_of(job, pairs(None), seen=seen, after_step=lambda: next(asked))
        assert train_contrastive(model, policy, arm, CONFIG)
    assert seen == [1, 2, 3, 1, 2]
