"""`rewardsearch fairness`: rates of positive answers by group of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rewardsearch.records import Fairness
    from rewardsearch.run.state import RunState


def fairness(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name under runs/.")],
    arm: Annotated[str | None, typer.Option("--arm", metavar="ID", help="One arm alone, by id or name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show how groups of people are answered, and flag gaps.

    How often each group is answered with the positive class, beside how often its labels say so. Of a finalized run on the test:
    the chosen arm, the references, the policy before GRPO. Else on val: the leaderboard's best candidate and the baseline.
    """
    from rewardsearch.cli.fair_table import NO_GROUPS, print_fairness
    from rewardsearch.cli.tables import make_console, print_json, print_lines
    from rewardsearch.records import FULL
    from rewardsearch.session.runs import find_arm, name_of, open_run
    from rewardsearch.tasks import load_task

    state = open_run(run)
    wanted = None if arm is None else find_arm(state, arm)
    reported = _of_report(state, wanted)
    split = "test" if reported else state.config.ranked_on
    told = reported or _of_screens(state, wanted)
    named = {each.arm: name_of(state, each.arm) for each in told}
    if as_json:
        arms = [{"name": named[each.arm], **each.model_dump(mode="json")} for each in told]
        print_json({"run": str(state.folder), "split": split, "arms": arms})
        return
    console = make_console()
    classes = load_task(state.config.task).classes
    if not told or classes is None:
        evaluated = any(result.rung == FULL and result.outcomes for result in state.trainings.values())
        print_lines(console, NO_GROUPS if evaluated or classes is None else f"{state.folder} has evaluated no arm yet")
        return
    print_lines(console, f"{state.config.task.label}, {split}")
    print_fairness(told, classes[0], named, console)


def _of_report(state: RunState, wanted: str | None) -> list[Fairness]:
    """What finalize found, the chosen arm first; of `wanted` alone where an arm is named."""
    report = state.final
    if report is None:
        return []
    found = sorted(report.fairness, key=lambda each: each.arm != report.chosen)
    return [each for each in found if wanted in (None, each.arm)]


def _of_screens(state: RunState, wanted: str | None) -> tuple[Fairness, ...]:
    """By the whole screens on the split that was ranked on. Raises UserError where an arm has none."""
    from rewardsearch.errors import UserError
    from rewardsearch.finalize import group_rates
    from rewardsearch.records import BASELINE, FULL
    from rewardsearch.session.runs import name_of, ranking_of
    from rewardsearch.tasks import load_task

    task = load_task(state.config.task)
    if task.classes is None:
        return ()
    ranked = [row.id for row in ranking_of(state).rows if row.status == "trained"]
    best = [id for id in ranked if id in state.candidates][:1]
    arms = [wanted] if wanted is not None else [id for id in (*best, BASELINE) if id in ranked]
    screens = [result for result in state.trainings.values() if (result.rung, result.status) == (FULL, "done")]
    outcomes = {arm: [result.outcomes for result in screens if result.id == arm] for arm in arms}
    if unscored := [name_of(state, arm) for arm in arms if not outcomes[arm]]:
        raise UserError(
            f"{', '.join(unscored)} has no score in {state.folder}; see rewardsearch leaderboard {state.folder} for those that "
            "have"
        )
    groups = {row.id: row.groups for row in task.rows(state.config.ranked_on)}
    judged = {outcome.id for each in outcomes.values() for seed in each for outcome in seed}
    if gone := len(judged - groups.keys()):
        raise UserError(
            f"{state.folder}: {gone:,} of {len(judged):,} people who were judged are not in {state.config.ranked_on} any more: "
            "the data or their splits have changed since; restore the data, or use the version that the run was made with"
        )
    return group_rates(outcomes, groups, state.config.rank, state.config.seed)
