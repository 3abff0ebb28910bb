"""Sampling the rollout bank: completions of the policy before any GRPO, drawn as a screen's GRPO draws them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rewardsearch.records import Rollout, Row
from rewardsearch.tasks import Task
from rewardsearch.train.generate import OnBatch, generate
from rewardsearch.train.policy import Policy


def sample(
    policy: Policy,
    task: Task,
    rows: Sequence[Row],
    *,
    group_size: int,
    seed: int,
    max_tokens: int,
    temperature: float,
    top_p: float,
    batch_size: int,
    on_batch: OnBatch = lambda done: None,
) -> tuple[Rollout, ...]:
    """`group_size` completions of each of `rows`, row by row, with what became of each.

    They follow from `seed`, whatever was drawn before; what is drawn afterwards is as if nothing had been sampled. A
    completion that is cut off at `max_tokens` is judged as it stands, as in training.
    """
    asked = [row for row in rows for _ in range(group_size)]
    devices = [torch.cuda.current_device()] if policy.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        completions = generate(
            policy.base,
            policy,
            asked,
            max_tokens,
            batch_size,
            on_batch=on_batch,
            do_sample=True,
            temperature=temperature,
            top_p=top_p,
            top_k=0,
        )
    found = []
    for row, (text, length) in zip(asked, completions, strict=True):
        outcome = task.outcome(row, text, length)
        found.append(
            Rollout(row=row.id, completion=text, kind=outcome.kind, prediction=outcome.prediction, length=length)
        )
    return tuple(found)
