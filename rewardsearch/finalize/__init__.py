"""Finalize: ensembles and controls trained alike, then one reading of the sealed test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rewardsearch.config import Config
from rewardsearch.finalize.arms import choose_arms
from rewardsearch.finalize.report import write_report
from rewardsearch.records import FinalReport, Outcome, Ranking, ScreenResult

__all__ = ["finalize"]

Train = Callable[[Mapping[str, tuple[str, ...]]], Mapping[str, ScreenResult]]
ReadTest = Callable[[Sequence[str]], Mapping[str, Sequence[Outcome]]]


def finalize(task: str, ranking: Ranking, config: Config, train: Train, read_test: ReadTest) -> FinalReport:
    """Chooses the arms on `val`, has them trained, and reads the sealed test once for all of them.

    train: members by arm in, the results on `val` by arm out. read_test: arms in, outcomes on `test` by arm out; called
    once, after everything is chosen and trained.
    """
    arms = choose_arms(ranking, config.finalize, config.seed)
    results = train({arm.id: arm.members for arm in arms if arm.trained_anew})
    readable = [arm.id for arm in arms if not arm.trained_anew or results[arm.id].status == "done"]
    return write_report(task, arms, results, ranking, read_test(readable), config)
