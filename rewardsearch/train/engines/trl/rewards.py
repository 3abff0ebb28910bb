"""An observer's rewards as the functions that GRPOTrainer calls.

Each reward of an arm is one function. Exact match comes last, at weight 0: it sees the same completions as the rewards, and
closes the record of the step without a share in the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from rewardsearch.records import message_text
from rewardsearch.tasks import Generation, Reader
from rewardsearch.train.clock import PhaseClock
from rewardsearch.train.engines.trl.generation import length_of
from rewardsearch.train.worker.observe import Observer

ROW = "rewardsearch_row"
"""The dataset column with a row's index in the training rows; no reward sees it."""
Completion = str | list[dict[str, str]]
TrlReward = Callable[..., list[float]]


def reward_functions(
    observer: Observer, clock: PhaseClock, reader: Reader, ends: Container[int]
) -> tuple[list[TrlReward], list[float]]:
    """The functions for GRPOTrainer, with distinct names, and their weights. reader: of the policy in training. ends: the tokens
    that a completion ends at."""

    def function(reward: int, label: str) -> TrlReward:
        def score(completions: list[Completion], **columns: Any) -> list[float]:
            texts = list(map(message_text, completions))
            with clock("reward"):
                if reward == 0 and observer.measures:
                    lengths = [length_of(ids, ends) for ids in columns["completion_ids"]]
                    observer.measure(reader, columns[ROW], list(map(Generation, texts, lengths)))
                return observer.score(reward, columns[ROW], texts)

        score.__name__ = label
        return score

    def exact_match(completions: list[Completion], completion_ids: list[list[int]], **columns: Any) -> list[float]:
        with clock("reward"):
            return observer.record(columns[ROW], list(map(message_text, completions)), list(map(len, completion_ids)))

    functions = [function(reward, label) for reward, label in enumerate(observer.labels)]
    return [*functions, exact_match], [*observer.weights, 0.0]
