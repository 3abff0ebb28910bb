"""The figures of the landscape: every reward's gain, what a rung says of the end, what a race saves and loses."""

from __future__ import annotations

import textwrap
from typing import Any

from matplotlib.figure import Figure
from study_theme import Theme, axes_of, legend

Numbers = dict[str, Any]
CLASSES = {
    "sound": ("blue", "o"),
    "mediocre": ("purple", "^"),
    "useless": ("green", "v"),
    "hackable": ("orange", "s"),
    "harmful": ("red", "D"),
}
"""Colour and marker of each class of rewards."""


def rewards(landscape: Numbers, theme: Theme) -> Figure | None:
    """F1 at the end of every reward, the mean of its seeds with their range, best first."""
    rows = landscape["rewards"]
    if not rows:
        return None
    figure, (axes,) = axes_of(theme, 7.5, 1.6 + 0.19 * len(rows))
    base = landscape["baseline"]
    lowest, highest = min(base["f1_by_seed"].values()), max(base["f1_by_seed"].values())
    axes.axvspan(lowest, highest, color=theme.grid, alpha=0.7, linewidth=0, label="base rewards, range of seeds")
    for name, (colour, marker) in CLASSES.items():
        of = [(place, row) for place, row in enumerate(rows) if row["class"] == name]
        shade = theme.colours[colour]
        axes.hlines(
            [at for at, _ in of], [r["f1_low"] for _, r in of], [r["f1_high"] for _, r in of], color=shade, lw=1.6
        )
        style = {"color": shade, "marker": marker, "linestyle": "", "markersize": 5}
        axes.plot([row["f1"] for _, row in of], [at for at, _ in of], label=name, **style)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.3, -0.7)
    axes.set_xlabel("F1 on val, mean and range of three seeds")
    legend(figure, [axes], theme, 3)
    return figure


def rungs(landscape: Numbers, theme: Theme) -> Figure | None:
    """F1 at each rung against F1 at the end, with the same seed; a panel a rung."""
    seed = str(landscape["settings"]["seeds"][0])
    steps = [str(step) for step in landscape["settings"]["rungs"]]
    rows = [row for row in landscape["rewards"] if seed in row["f1_by_seed"] and all(row["at"].get(s) for s in steps)]
    if not rows:
        return None
    figure, grid = axes_of(theme, 8.5, 4.4, len(steps), sharey=True)
    for axes, step in zip(grid, steps, strict=True):
        for name, (colour, marker) in CLASSES.items():
            of = [(row["at"][step], row["f1_by_seed"][seed]) for row in rows if row["class"] == name]
            style = {"color": theme.colours[colour], "marker": marker, "linestyle": "", "markersize": 5.5}
            axes.plot([x for x, _ in of], [y for _, y in of], label=name, **style)
        rho = landscape["rank_correlation"][step]["with_the_end"]
        axes.set_title(f"rank correlation {rho:+.2f}" if rho is not None else "", fontsize=11)
        axes.set_xlabel(f"F1 on val after {step} steps")
    grid[0].set_ylabel(f"F1 on val after {landscape['settings']['steps']} steps")
    legend(figure, grid, theme, len(CLASSES))
    return figure


SHARES = {
    "steps_saved": ("training steps saved", "blue", "o"),
    "good_lost": ("good rewards lost", "orange", "s"),
    "best_lost": ("rounds whose best is lost", "red", "D"),
}
"""The label, colour and marker of each share that a race has."""


def races(before: Numbers, theme: Theme) -> Figure | None:
    """What each rule of a race saves and loses at each rung, a panel a rung."""
    rows = before["race"]["rungs"]
    if not rows:
        return None
    steps = sorted({row["step"] for row in rows})
    rules = list(dict.fromkeys(row["rule"] for row in rows))
    figure, grid = axes_of(theme, 9.0, 1.5 + 0.5 * len(rules), len(steps), sharey=True, sharex=True)
    for axes, step in zip(grid, steps, strict=True):
        of = {row["rule"]: row for row in rows if row["step"] == step}
        for place, (key, (label, colour, marker)) in enumerate(SHARES.items()):
            points = [(row[key], at + 0.2 * (place - 1)) for at, rule in enumerate(rules) if (row := of.get(rule))]
            points = [point for point in points if point[0] is not None]
            style = {"color": theme.colours[colour], "marker": marker, "linestyle": "", "markersize": 6, "label": label}
            axes.plot([100 * x for x, _ in points], [y for _, y in points], **style)
        axes.set_title(f"race at step {step}", fontsize=11)
        axes.set_xlabel("%")
        axes.set_ylim(len(rules) - 0.4, -0.6)
    grid[0].set_yticks(range(len(rules)), [textwrap.fill(rule, 26) for rule in rules], fontsize=9)
    legend(figure, grid, theme, len(SHARES))
    return figure
