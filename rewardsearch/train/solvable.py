"""Whether enough questions are answered right for rewards to be ranked by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewardsearch.config import Config
from rewardsearch.records import TrainingResult

_SMALL_SHARE = 10
"""Of a small split no more than one question in so many is asked for."""


def required_right(questions: int, config: Config) -> int:
    """How many questions must be answered right: `rank.min_correct`, or a tenth of them, rounded up, where that is less."""
    return min(config.rank.min_correct, -(-questions // _SMALL_SHARE))


def most_right(results: Iterable[TrainingResult]) -> int:
    """The most right answers that one of these results has; 0 without any."""
    return max((sum(outcome.kind == "correct" for outcome in result.outcomes) for result in results), default=0)


def solves_enough(results: Sequence[TrainingResult], config: Config) -> bool:
    """Whether one of these results, all on the same questions, has enough right answers."""
    return most_right(results) >= required_right(max((len(each.outcomes) for each in results), default=0), config)


def nothing_to_rank(policy: TrainingResult, baselines: Sequence[TrainingResult], config: Config) -> str | None:
    """Why candidates could not be ranked, with what to do; None where they can be.

    policy: the evaluation before GRPO; baselines: the base rewards alone, trained to the end, one a seed. A policy that gives no
    answer in the asked form may learn the form from the base rewards, so it is enough where either gets enough right. Where
    training with the base rewards leaves nothing right at all, candidates, which train on them too, do no better.
    """
    questions, before, after = len(policy.outcomes), most_right([policy]), most_right(baselines)
    required = required_right(questions, config)
    start = "fine-tuned" if config.sft.enabled else "untrained"
    found = (
        f"of {questions:,} questions of {config.ranked_on} the {start} policy answers {before:,} right, and the "
        f"baseline (base rewards alone) at most {after:,}"
    )
    if max(before, after) < required:
        tuning = "fine-tune the policy for longer (sft.steps)" if config.sft.enabled else "set sft.enabled: true"
        return (
            f"candidates cannot be ranked: {found}; at least {required:,} are needed (rank.min_correct). Take easier rows, "
            f"{tuning}, or take a stronger policy.model, in another --run-dir; rank.min_correct=0 goes on as it is"
        )
    if after == 0 < required:
        return (
            f"training ruins the policy: {found}. Lower train.learning_rate (got {config.train.learning_rate:g}) or change "
            "train.base_rewards, in another --run-dir; rank.min_correct=0 goes on as it is"
        )
    return None
