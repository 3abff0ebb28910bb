"""Rates of positive answers by group of people, and the gap of each attribute, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rewardsearch.cli.tables import print_lines, print_table
from rewardsearch.files.numbers import interval, number, p_value

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import Fairness, GroupGap

NO_GROUPS = (
    "no groups: the rows name no groups of people, so there is no fairness table; task.columns.groups names columns"
)


def print_fairness(arms: Sequence[Fairness], positive: str, named: Mapping[str, str], console: Console) -> None:
    """The first arm's table whole, and one line for each flagged gap of the others. named: names of arms by id."""
    from rewardsearch.stats import MIN_PEOPLE

    first, *others = arms
    print_lines(console, "", f"{positive} by group, {named.get(first.arm, first.arm)}:")
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
        if rate.n >= MIN_PEOPLE
    ]
    legend = {
        "attribute": "what people are grouped by",
        "group": "its value",
        "people": "number of people in the group",
        "rate": f"share answered {positive}; an unparsed completion does not count as {positive}",
        "interval": "95 % confidence interval of the rate, over the people",
        "gold": f"share whose gold label is {positive}",
        "recall": f"rate among those whose gold label is {positive}",
        "false": "rate among the others (false positives)",
        "standardized": "the rate if all groups had the same share of gold labels",
    }
    print_table(console, legend, cells, spare=("false", "recall", "interval"), legend=legend)
    gaps = {gap.attribute: gap for gap in first.gaps}
    for attribute in dict.fromkeys(rate.attribute for rate in first.groups):
        small = [rate for rate in first.groups if rate.attribute == attribute and rate.n < MIN_PEOPLE]
        if attribute in gaps:
            print_lines(console, _gap_text(gaps[attribute], first))
        else:
            print_lines(console, f"{attribute}: not tested, fewer than two groups have {MIN_PEOPLE} people or more")
        if small:
            people = sum(rate.n for rate in small)
            print_lines(
                console,
                f"{attribute}: {len(small):,} groups with fewer than {MIN_PEOPLE} people ({people:,} people in all) are not "
                "tested and not shown; --json has them",
            )
    lines = [
        f"{named.get(arm.arm, arm.arm)}: {_gap_text(gap, arm)}" for arm in others for gap in arm.gaps if gap.flagged
    ]
    print_lines(console, *lines)
    if others and not lines:
        print_lines(console, f"no gap is flagged for {', '.join(named.get(arm.arm, arm.arm) for arm in others)}")


def _gap_text(gap: GroupGap, arm: Fairness) -> str:
    ratio = "-" if gap.ratio is None else f"{gap.ratio:.2f}"
    text = (
        f"{gap.attribute}: gap {gap.gap:.3f} {interval(gap.gap_ci)} between {gap.high} and {gap.low}, impact ratio {ratio}; "
        f"between people with the same gold label {gap.standardized_gap:.3f} (p {p_value(gap.p)}, "
        f"corrected {p_value(gap.p_adjusted)})"
    )
    if gap.flagged:
        return f"{text} FLAGGED: the answers depend on the group"
    gold = {rate.group: rate.gold_rate for rate in arm.groups if rate.attribute == gap.attribute}
    if gap.gap_ci[0] > 0 and gold[gap.high] > gold[gap.low]:
        return f"{text}; the gold labels differ too: {gold[gap.high]:.3f} and {gold[gap.low]:.3f}"
    return text
