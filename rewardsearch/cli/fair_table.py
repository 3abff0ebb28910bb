"""Printing how groups of people fare: rates of positive answers by group, and the gap of each attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import interval, number, p_value, print_lines, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import Fairness, GroupGap

NO_GROUPS = (
    "no groups: the rows name no groups of people, so there is no fairness table (task.columns.groups names columns)"
)


def print_fairness(arms: Sequence[Fairness], positive: str, named: Mapping[str, str], console: Console) -> None:
    """The first arm's table whole; a line for each flagged gap of the others. named: how arms are told, by id."""
    from rewardsearch.stats import LEAST_PEOPLE

    first, *others = arms
    print_lines(console, "", f"{positive} by group, {named.get(first.arm, first.arm)}:")
    headers = ("attribute", "group", "people", "rate", "interval", "gold", "recall", "false", "standardized")
    cells = [
        (
            rate.attribute,
            rate.group,
            str(rate.n),
            number(rate.rate),
            interval(rate.rate_ci),
            *map(number, (rate.gold_rate, rate.recall, rate.false_positive_rate, rate.standardized_rate)),
        )
        for rate in first.groups
        if rate.n >= LEAST_PEOPLE
    ]
    legend = {
        "attribute": "what people are grouped by",
        "group": "its value",
        "people": "in the group",
        "rate": f"share answered {positive}; an unparsed completion is no such answer",
        "interval": "of the rate, over the people",
        "gold": f"share that is {positive}",
        "recall": f"rate of those who are {positive}",
        "false": "rate of those who are not",
        "standardized": "the rate if all groups had the same gold labels",
    }
    names = ("attribute", "group")
    print_table(console, headers, cells, left=names, spare=("false", "recall", "interval"), names=names, legend=legend)
    gaps = {gap.attribute: gap for gap in first.gaps}
    for attribute in dict.fromkeys(rate.attribute for rate in first.groups):
        small = [rate for rate in first.groups if rate.attribute == attribute and rate.n < LEAST_PEOPLE]
        if attribute in gaps:
            print_lines(console, _gap_told(gaps[attribute], first))
        else:
            print_lines(console, f"{attribute}: not tested, it has no two groups of {LEAST_PEOPLE} people or more")
        if small:
            people = sum(rate.n for rate in small)
            print_lines(
                console,
                f"{attribute}: groups of fewer than {LEAST_PEOPLE} people take no part and are not shown "
                f"({len(small):,}, people in them: {people:,}); --json has them",
            )
    lines = [
        f"{named.get(arm.arm, arm.arm)}: {_gap_told(gap, arm)}" for arm in others for gap in arm.gaps if gap.flagged
    ]
    print_lines(console, *lines)
    if others and not lines:
        print_lines(console, f"no gap is flagged of {', '.join(named.get(arm.arm, arm.arm) for arm in others)}")


def _gap_told(gap: GroupGap, arm: Fairness) -> str:
    ratio = "-" if gap.ratio is None else f"{gap.ratio:.2f}"
    told = (
        f"{gap.attribute}: gap {gap.gap:.3f} {interval(gap.gap_ci)} between {gap.high} and {gap.low}, impact ratio {ratio}; "
        f"between people of the same gold label {gap.standardized_gap:.3f} "
        f"(p {p_value(gap.p)}, corrected {p_value(gap.p_adjusted)})"
    )
    if gap.flagged:
        return f"{told} FLAGGED: the answers depend on the group"
    gold = {rate.group: rate.gold_rate for rate in arm.groups if rate.attribute == gap.attribute}
    if gap.gap_ci[0] > 0 and gold[gap.high] > gold[gap.low]:
        return f"{told}; the gold labels themselves differ: {gold[gap.high]:.3f} and {gold[gap.low]:.3f}"
    return told
