"""How groups of people are treated by the arms of a run."""

from __future__ import annotations

from typing import NamedTuple

from rewardsearch.errors import UserError
from rewardsearch.finalize import group_rates
from rewardsearch.records import BASELINE, FULL, Fairness
from rewardsearch.run.state import RunState
from rewardsearch.session.runs import name_of, ranking_of
from rewardsearch.tasks import load_task


class GroupReport(NamedTuple):
    """Rates by group for each arm, the most important arm first, on the split `split`."""

    split: str
    arms: tuple[Fairness, ...]


def group_report(state: RunState, arm: str | None = None) -> GroupReport:
    """What finalize found on the test, or the rates of trained arms on the split that the run ranks on.

    arm: one arm alone. Without it: the arms of finalize; before finalize the best candidate and the baseline.
    Empty for a task without groups or without a positive class, and for a run that has evaluated no arm. Raises UserError for an
    arm without a score.
    """
    report = state.final
    if report is not None:
        found = sorted(report.fairness, key=lambda each: each.arm != report.chosen)
        if wanted := tuple(each for each in found if arm in (None, each.arm)):
            return GroupReport("test", wanted)
    return GroupReport(state.config.ranked_on, _on_ranked_split(state, arm))


def _on_ranked_split(state: RunState, arm: str | None) -> tuple[Fairness, ...]:
    task, split = load_task(state.config.task), state.config.ranked_on
    if task.positive is None:
        return ()
    ranked = [row.id for row in ranking_of(state).rows if row.status == "trained"]
    best = [id for id in ranked if id in state.candidates][:1]
    arms = [arm] if arm is not None else [id for id in (*best, BASELINE) if id in ranked]
    done = [result for result in state.trainings.values() if (result.rung, result.status) == (FULL, "done")]
    outcomes = {id: [result.outcomes for result in done if result.id == id] for id in arms}
    if unscored := [name_of(state, id) for id in arms if not outcomes[id]]:
        raise UserError(
            f"{', '.join(unscored)} has no score in {state.folder}; `rewardsearch leaderboard {state.folder}` shows the arms "
            "that have"
        )
    groups = {row.id: row.groups for row in task.rows(split)}
    evaluated = {outcome.id for each in outcomes.values() for seed in each for outcome in seed}
    if gone := len(evaluated - groups.keys()):
        raise UserError(
            f"{state.folder}: {gone:,} of {len(evaluated):,} people with an answer are no longer in {split}, so the data or "
            "their splits have changed; restore the data, or use the version of rewardsearch that made the run"
        )
    return group_rates(outcomes, groups, state.config.rank, state.config.seed)
