"""`rewardsearch fairness`: rates of positive answers by group of people."""

from __future__ import annotations

from typing import Annotated

import typer

from rewardsearch.cli.fair_table import NO_GROUPS, print_fairness
from rewardsearch.cli.options import JsonOption, RunArgument
from rewardsearch.cli.tables import make_console, print_json, print_lines


def fairness(
    run: RunArgument,
    arm: Annotated[str | None, typer.Option("--arm", metavar="ID", help="One arm alone, by id or name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show rates of positive answers by group, and flag gaps.

    Shows how often each group gets the positive class, and how often its gold labels say so. A finalized run is shown on the
    test: the chosen arm, the references, the policy before GRPO. Other runs: on val, the best candidate and the baseline.
    """
    from rewardsearch.records import FULL
    from rewardsearch.session.groups import group_report
    from rewardsearch.session.runs import find_arm, name_of, open_run
    from rewardsearch.tasks import load_task

    state = open_run(run)
    split, found = group_report(state, None if arm is None else find_arm(state, arm))
    named = {each.arm: name_of(state, each.arm) for each in found}
    if as_json:
        arms = [{"name": named[each.arm], **each.model_dump(mode="json")} for each in found]
        print_json({"run": str(state.folder), "split": split, "arms": arms})
        return
    console = make_console()
    positive = load_task(state.config.task).positive
    if not found or positive is None:
        evaluated = any(result.rung == FULL and result.outcomes for result in state.trainings.values())
        print_lines(console, NO_GROUPS if evaluated or positive is None else f"{state.folder} has evaluated no arm yet")
        return
    print_lines(console, f"{state.config.task.label}, {split}")
    print_fairness(found, positive, named, console)
