"""The engine `trl`. The policy stays loaded, and each job puts an adapter on it and takes it off again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from rewardsearch.config import Config
from rewardsearch.records import Demonstration, Device, Row
from rewardsearch.tasks import Generation, Reader, Vectors
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engine import Arm, Diverged, FineTuned, OnDone, Trained
from rewardsearch.train.engines.trl.contrastive import train_contrastive
from rewardsearch.train.engines.trl.divergence import logits_checked
from rewardsearch.train.engines.trl.generation import greedy, sampled
from rewardsearch.train.engines.trl.grpo import train
from rewardsearch.train.engines.trl.policy import device_of, load_policy
from rewardsearch.train.engines.trl.reading import PolicyReader
from rewardsearch.train.engines.trl.sft import fine_tune


class TrlEngine:
    """See rewardsearch.train.engine.Engine. It trains arms one after another."""

    def __init__(self, config: Config, start: Path | None) -> None:
        # The sums of a CPU follow the number of threads, to the last bit.
        torch.set_num_threads(config.train.threads)
        self._config = config
        self.policy = load_policy(config.policy, start)

    @property
    def device(self) -> Device:
        return device_of(self._config)

    def train(self, arms: Sequence[Arm]) -> Iterator[tuple[Arm, Trained | Exception]]:
        for arm in arms:
            yield arm, self._ended(arm)

    def _ended(self, arm: Arm) -> Trained | Exception:
        try:
            return self._train(arm)
        except Exception as error:
            if isinstance(error, Diverged) or error is arm.observer.raised:
                return error
            raise

    def _train(self, arm: Arm) -> Trained:
        clock = PhaseClock()
        if arm.job.method == "contrastive":
            return self._contrast(arm, clock)
        with logits_checked(self.policy.base), self.policy.fresh_adapter(arm.job.seed) as model:
            rollout = self._rollout(model, arm.job.seed)
            stop_reason, paused = train(model, self.policy, arm, self._config.train, clock, rollout)
            if paused:
                return Trained(seconds=clock.seconds, paused=True)
            if arm.adapter is not None:
                model.save_pretrained(str(arm.adapter))
            with clock("evaluate"):
                answers = self._greedy(model, arm.questions, arm.on_question)
                vectors = embedded(PolicyReader(model, self.policy, self._config.train), arm, answers)
        return Trained(stop_reason, answers, clock.seconds, vectors=vectors)

    def _contrast(self, arm: Arm, clock: PhaseClock) -> Trained:
        with self.policy.fresh_adapter(arm.job.seed) as model:
            with clock("update"):
                paused = train_contrastive(model, self.policy, arm, self._config.train)
            if paused:
                return Trained(paused=True)
            if arm.adapter is not None:
                model.save_pretrained(str(arm.adapter))
            with clock("evaluate"):
                reader = PolicyReader(model, self.policy, self._config.train)
                vectors = reader.embed([(row, "") for row in arm.questions])
        return Trained(seconds=clock.seconds, vectors=vectors)

    def _rollout(self, model: Any, seed: int) -> Callable[..., dict[str, Any]] | None:
        """What samples the completions of a training of `model`, the policy under an adapter; None is its own `generate`."""
        return None

    def _greedy(self, model: Any, rows: Sequence[Row], on_done: OnDone) -> list[Generation]:
        return greedy(model, self.policy, rows, self._config.train, on_done)

    def evaluate(
        self, rows: Sequence[Row], adapter: Path | None = None, on_done: OnDone = lambda done: None
    ) -> list[Generation]:
        if adapter is None:
            with logits_checked(self.policy.base), self.policy.saved_adapter(None) as model:
                return self._greedy(model, rows, on_done)
        with self.policy.saved_adapter(adapter) as model:
            return self._greedy(model, rows, on_done)

    def sample(self, rows: Sequence[Row], seed: int, on_done: OnDone = lambda done: None) -> list[Generation]:
        with logits_checked(self.policy.base), self.policy.saved_adapter(None):
            return sampled(self.policy.base, self.policy, rows, seed, self._config.train, on_done)

    @contextmanager
    def reader(self, adapter: Path | None = None) -> Iterator[Reader]:
        with self.policy.saved_adapter(adapter) as model:
            yield PolicyReader(model, self.policy, self._config.train)

    def fine_tune(
        self, demonstrations: Sequence[Demonstration], adapter: Path, on_done: OnDone = lambda done: None
    ) -> FineTuned:
        return fine_tune(self.policy, demonstrations, self._config.sft, adapter, on_done)


def embedded(reader: Reader, arm: Arm, answers: Sequence[Generation]) -> Vectors | None:
    """The embeddings of an arm's answers where it asks for them."""
    if not arm.embed:
        return None
    return reader.embed([(row, answer.text) for row, answer in zip(arm.questions, answers, strict=True)])
