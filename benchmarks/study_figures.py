"""The figures of docs/evidence.md, each as SVG for a light and for a dark page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
from landscape_figures import races, rewards, rungs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from study_criteria import has_gain
from study_theme import STYLE, THEMES, Theme, axes_of, legend, svg

from rewardsearch.files import write_atomic

Numbers = dict[str, Any]
OTHER = "-other"
"""How the name of the run of a second recording ends."""


KINDS = {
    "search": ("search (grammar)", "blue", "o"),
    "random": ("random search (grammar)", "orange", "s"),
    "frontier": ("recorded search (frontier model), retrained", "red", "D"),
}
"""Label, colour and marker of each kind of run."""
ARMS = {
    "recommended": ("recommended arm", "blue", "o"),
    "random": ("three random candidates", "orange", "s"),
    "average": ("average of all candidates", "purple", "^"),
    "a-a": ("base rewards again (A/A)", "green", "D"),
}


def arm_of(arm: Numbers) -> str | None:
    """Which of ARMS an arm of a run is; None for the others."""
    if arm["chosen"]:
        return "recommended"
    if arm["id"].startswith("random-") and arm["id"] != "random-reward":
        return "random"
    return arm["id"] if arm["id"] in ARMS else None


def gains(study: Numbers, theme: Theme) -> Figure | None:
    """Gain over the base rewards with its interval, by search and arm; a panel each for the two proposers."""
    panels = [
        (kind, [run for run in study["runs"] if run["kind"] == kind and has_gain(run)])
        for kind in ("search", "frontier")
    ]
    panels = [(kind, runs) for kind, runs in panels if runs]
    if not panels:
        return None
    tallest = max(len(runs) for _, runs in panels)
    figure, grid = axes_of(theme, 9.0, 1.3 + 0.95 * tallest, len(panels), sharex=True)
    for axes, (kind, runs) in zip(grid, panels, strict=True):
        axes.axvline(0, color=theme.text, linewidth=1)
        for place, run in enumerate(runs):
            by_role = {arm_of(arm): arm for arm in run["arms"] if arm["gain_ci"] is not None}
            for role, (label, colour, marker) in ARMS.items():
                if (arm := by_role.get(role)) is None:
                    continue
                at = place + 0.2 * (list(ARMS).index(role) - 1.5)
                reach = [[arm["gain"] - arm["gain_ci"][0]], [arm["gain_ci"][1] - arm["gain"]]]
                style = {
                    "color": theme.colours[colour],
                    "fmt": marker,
                    "markersize": 5.5,
                    "capsize": 3,
                    "elinewidth": 1.8,
                }
                axes.errorbar([arm["gain"]], [at], xerr=reach, label=label, **style)
        axes.set_yticks(range(len(runs)), [_run_label(run) for run in runs])
        axes.set_ylim(len(runs) - 0.45, -0.55)
        axes.grid(visible=False, axis="y")
        for edge in range(1, len(runs)):
            axes.axhline(edge - 0.5, color=theme.grid, linewidth=0.7)
        axes.set_title(KINDS[kind][0], fontsize=11)
        axes.set_xlabel("gain in F1 over the base rewards, 95 % interval")
    legend(figure, grid, theme, len(ARMS))
    return figure


def _run_label(run: Numbers) -> str:
    other = "\n(second\nrecording)" if run["name"].endswith(OTHER) else ""
    return f"seed {run['seed']}{other}"


def rounds(study: Numbers, theme: Theme) -> Figure | None:
    """Mean F1 of each round's candidates: a thin line a search seed, a thick one for their mean."""
    lines = {
        run["name"]: (run["kind"], [each["mean"] for each in run["rounds"] if each["mean"] is not None])
        for run in _whole(study)
    }
    return _lines(study, theme, lines, "round", "mean F1 of the round's candidates on val")


def cost(study: Numbers, theme: Theme) -> Figure | None:
    """The best F1 so far against the number of candidates trained."""
    lines = {run["name"]: (run["kind"], run["cost"]["best_so_far"]) for run in _whole(study)}
    return _lines(study, theme, lines, "candidates trained, in the order of proposal", "best F1 on val so far")


def _whole(study: Numbers) -> list[Numbers]:
    """The runs that have done all rounds."""
    return [run for run in study["runs"] if len(run.get("rounds", ())) == study["settings"]["rounds"]]


def _lines(
    study: Numbers, theme: Theme, lines: dict[str, tuple[str, Sequence[float]]], across: str, up: str
) -> Figure | None:
    """lines: kind and values by run. Thin lines are runs, thick ones means over seeds; a second recording is dashed, and in no
    mean."""
    longest = max((len(values) for _, values in lines.values()), default=0)
    if not longest:
        return None
    figure, (axes,) = axes_of(theme, 7.5, 4.4)
    for kind, (label, colour, marker) in KINDS.items():
        shade = theme.colours[colour]
        of = {name: values for name, (its_kind, values) in lines.items() if its_kind == kind and values}
        for name, values in of.items():
            dashes = "--" if name.endswith(OTHER) else "-"
            width = 1.3 if name.endswith(OTHER) else 0.9
            style = {"color": shade, "linewidth": width, "linestyle": dashes, "marker": marker, "markersize": 3}
            axes.plot(range(1, len(values) + 1), values, alpha=0.6, **style)
        seeds = [values for name, values in of.items() if not name.endswith(OTHER)]
        if seeds:
            # A search with fewer candidates keeps what it has.
            means = [fmean(values[min(at, len(values) - 1)] for values in seeds) for at in range(max(map(len, seeds)))]
            text = f"{label}, mean of {len(seeds)}"
            style = {"color": shade, "linewidth": 2.8, "marker": marker, "markersize": 7, "label": text}
            axes.plot(range(1, len(means) + 1), means, **style)
    _baseline_line(study, axes, theme)
    axes.set_xticks(range(1, longest + 1))
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    legend(figure, [axes], theme, 2)
    return figure


def _baseline_line(study: Numbers, axes: Axes, theme: Theme) -> None:
    scores = [run["baseline_val"] for run in study["runs"] if run.get("baseline_val") is not None]
    if scores:
        axes.axhline(fmean(scores), color=theme.text, linewidth=1.2, linestyle=(0, (4, 3)), label="base rewards")


def intervals(study: Numbers, theme: Theme) -> Figure | None:
    """The interval that each run reported for its arm, and the arm's F1 with further seeds."""
    rows = study["further"]
    if not rows:
        return None
    figure, (axes,) = axes_of(theme, 7.5, 1.4 + 0.38 * len(rows))
    for place, row in enumerate(rows):
        low, high = row["interval"]
        reach = [[row["reported"] - low], [high - row["reported"]]]
        style = {"color": theme.colours["blue"], "fmt": "o", "markersize": 5.5, "capsize": 4, "elinewidth": 2}
        axes.errorbar(
            [row["reported"]], [place], xerr=reach, label="reported, 95 % interval" if not place else None, **style
        )
        axes.plot(
            [row["f1"]],
            [place],
            marker="D",
            markersize=6,
            linestyle="",
            zorder=3,
            color=theme.colours["red"],
            label=f"mean of {len(row['f1_by_seed'])} further seeds" if not place else None,
        )
    axes.set_yticks(range(len(rows)), [f"{row['run']}: {row['name']}" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("F1 on test")
    legend(figure, [axes], theme, 2)
    return figure


DRAWN: dict[str, Callable[[Numbers, Theme], Figure | None]] = {
    "gains": gains,
    "rounds": rounds,
    "cost": cost,
    "intervals": intervals,
    "landscape": rewards,
    "rungs": rungs,
    "races": races,
}
"""The figures by name, each from its numbers."""
OF = {"landscape": "landscape", "rungs": "landscape", "races": "before_training"}
"""The file of docs/evidence/ that a figure is drawn from, where it is not the study's."""


def write_figures(folder: Path, documents: Mapping[str, Numbers], names: Sequence[str] = tuple(DRAWN)) -> list[str]:
    """Writes the figures of `names` that there are numbers for; gives their names. documents: by the names of their files."""
    written = []
    for name in names:
        numbers = documents.get(OF.get(name, "study"))
        for theme in THEMES:
            with matplotlib.rc_context(STYLE):
                figure = DRAWN[name](numbers, theme) if numbers else None
                if figure is not None:
                    write_atomic(folder / f"{name}-{theme.name}.svg", svg(figure, theme))
                    written += [name] if theme is THEMES[0] else []
    return written
